"""Pages that delete, under the addresses of what they delete, and settings/storage."""

from django.urls import path

from finetune_app.housekeeping import delete_views, views

app_name = "housekeeping"
urlpatterns = [
    path("settings/storage", views.storage, name="storage"),
    path("settings/storage/look", views.look, name="look"),
    path("settings/storage/run", views.run, name="run"),
    path("settings/storage/progress", views.progress, name="progress"),
    path("adapters/<name:name>/delete", delete_views.remove_adapter, name="delete_adapter"),
    path("adapters/<name:name>/v/<label:number>/delete", delete_views.remove_version, name="delete_version"),
    path(
        "adapters/<name:name>/v/<label:label>/merged/<int:merged>/delete",
        delete_views.remove_merged_model,
        name="delete_merged_model",
    ),
    path("bases/<name:name>/delete", delete_views.remove_base_model, name="delete_base_model"),
    path("bases/<name:name>/r/<int:number>/delete", delete_views.remove_base_revision, name="delete_base_revision"),
]
