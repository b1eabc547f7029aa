"""Addresses of what can be downloaded of merged models, below /w/<workspace>/adapters/."""

from django.urls import path

from finetune_app.merges import download_views

app_name = "merge_downloads"
MERGED = "<name:name>/v/<label:label>/merged/<merged:merged>"
urlpatterns = [
    path(f"{MERGED}/files", download_views.files, name="files"),
    path(f"{MERGED}/files/<path:path>", download_views.download_file, name="file"),
]
