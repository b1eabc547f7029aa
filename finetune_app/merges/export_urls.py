"""Addresses of exports of merged models, below /w/<workspace>/adapters/."""

from django.urls import path

from finetune_app.merges import export_views

app_name = "exports"
EXPORTS = "<name:name>/v/<label:label>/merged/<merged:merged>/exports"
urlpatterns = [
    path(f"{EXPORTS}/new", export_views.new_export, name="new"),
    path(f"{EXPORTS}/<int:number>/", export_views.export_page, name="export"),
    path(f"{EXPORTS}/<int:number>/cancel", export_views.cancel, name="cancel"),
    path(f"{EXPORTS}/<int:number>/try-again", export_views.try_again, name="try_again"),
    path(f"{EXPORTS}/<int:number>/delete", export_views.delete, name="delete"),
    path(f"{EXPORTS}/<int:number>/files/<path:path>", export_views.download_file, name="file"),
]
