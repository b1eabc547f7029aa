"""Addresses of the base model pages, below /w/<workspace>/bases/."""

from django.urls import path

from adapters import base_compare_views, base_imports_views, base_new_views, base_views

app_name = "bases"
urlpatterns = [
    path("", base_views.base_list, name="list"),
    path("new", base_new_views.new_from_hub, name="new"),
    path("new/shared", base_new_views.new_from_shared, name="new-from-shared"),
    path("new/upload", base_new_views.new_by_upload, name="new-by-upload"),
    path("imports/new", base_new_views.import_uploaded, name="import-new"),
    path("imports/<int:pk>/", base_imports_views.import_page, name="import"),
    path("imports/<int:pk>/again", base_imports_views.import_again, name="import-again"),
    path("imports/<int:pk>/give-up", base_imports_views.import_give_up, name="import-give-up"),
    path("<name:name>/", base_views.base_detail, name="detail"),
    path("<name:name>/compare", base_compare_views.compare, name="compare"),
    path("<name:name>/r/<int:number>/", base_views.revision_detail, name="revision"),
    path("<name:name>/r/<int:number>/code", base_compare_views.decide_on_code, name="code"),
]
