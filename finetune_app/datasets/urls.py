"""The dataset pages, under /w/<workspace>/datasets/."""

from django.urls import path

from finetune_app.datasets import fetch_views, findings_views, imports_views, rows_views, versions_views, views

app_name = "datasets"
urlpatterns = [
    path("", views.dataset_list, name="list"),
    path("new", views.dataset_new, name="new"),
    path("new/hub", fetch_views.hub_new, name="new-from-hub"),
    path("new/shared", fetch_views.shared_new, name="new-from-shared"),
    path("imports/new", imports_views.import_new, name="import-new"),
    path("imports/<int:pk>/", imports_views.import_page, name="import"),
    path("imports/<int:pk>/again", imports_views.import_page_again, name="import-again"),
    path("imports/<int:pk>/give-up", imports_views.import_give_up, name="import-give-up"),
    path("<name:name>/", views.dataset_detail, name="detail"),
    path("<name:name>/v/<int:number>/", views.dataset_version, name="version"),
    path("<name:name>/v/<int:number>/rows", rows_views.version_rows, name="rows"),
    path("<name:name>/v/<int:number>/rows/index", rows_views.make_index, name="make-index"),
    path("<name:name>/v/<int:number>/findings", findings_views.version_findings, name="findings"),
    path("<name:name>/v/<int:number>/findings/again", findings_views.look_again, name="findings-again"),
    path("<name:name>/v/<int:number>/findings/drop", findings_views.drop, name="findings-drop"),
    path("<name:name>/v/<int:number>/findings/making/<int:task_id>", findings_views.making, name="findings-making"),
    path("<name:name>/v/<int:number>/findings/<slug:code>", findings_views.code_findings, name="findings-code"),
    path("<name:name>/compare", versions_views.compare, name="compare"),
    path("<name:name>/delete", versions_views.remove_dataset, name="delete"),
    path("<name:name>/v/<int:number>/delete", versions_views.remove_version, name="delete-version"),
    path("<name:name>/v/<int:number>/derive", versions_views.derive, name="derive"),
    path("<name:name>/v/<int:number>/derive/<int:task_id>", versions_views.derive_task, name="derive-task"),
    path("<name:name>/v/<int:number>/download", versions_views.download, name="download"),
]
