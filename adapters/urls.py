"""Addresses of the adapter pages, below /w/<workspace>/adapters/."""

from django.urls import path

from adapters import views

app_name = "adapters"
urlpatterns = [
    path("", views.adapter_list, name="list"),
    path("<name:name>/", views.adapter_detail, name="detail"),
    path("<name:name>/v/<int:number>/", views.version_detail, name="version"),
    path("<name:name>/v/<int:number>/download", views.download, name="download"),
    path("<name:name>/v/<int:number>/files/<path:path>", views.download_file, name="file"),
]
