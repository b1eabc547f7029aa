"""Addresses of the adapter pages, below /w/<workspace>/adapters/."""

from django.urls import path

from adapters import (
    adapter_imports_views,
    adapter_new_views,
    alias_views,
    combine_views,
    describe_views,
    download_views,
    link_views,
    versions_views,
    views,
)

app_name = "adapters"
urlpatterns = [
    path("", views.adapter_list, name="list"),
    path("import", adapter_new_views.import_by_upload, name="import-new"),
    path("import/hub", adapter_new_views.import_from_hub, name="import-from-hub"),
    path("import/shared", adapter_new_views.import_from_shared, name="import-from-shared"),
    path("imports/uploaded", adapter_new_views.import_uploaded, name="import-uploaded"),
    path("imports/<int:pk>", adapter_imports_views.import_page, name="import"),
    path("imports/<int:pk>/again", adapter_imports_views.import_again, name="import-again"),
    path("imports/<int:pk>/give-up", adapter_imports_views.import_give_up, name="import-give-up"),
    path("combine", combine_views.combine, name="combine"),
    path("combinations/<int:pk>", combine_views.combination, name="combination"),
    path("combinations/<int:pk>/stop", combine_views.stop, name="combination-stop"),
    path("combinations/<int:pk>/again", combine_views.again, name="combination-again"),
    path("versions", versions_views.versions, name="versions"),
    path("<name:name>/", views.adapter_detail, name="detail"),
    path("<name:name>/aliases/<label:alias>", alias_views.move, name="move_alias"),
    path("<name:name>/aliases/<label:alias>/remove", alias_views.remove, name="remove_alias"),
    path("<name:name>/alias-moves", alias_views.moves, name="alias_moves"),
    path("<name:name>/alias-moves/<int:move>/undo", alias_views.undo, name="undo_move"),
    path("<name:name>/v/<label:number>/", views.version_detail, name="version"),
    path("<name:name>/v/<label:number>/tag", describe_views.tag, name="tag"),
    path("<name:name>/v/<label:number>/notes", describe_views.notes, name="notes"),
    path("<name:name>/v/<label:number>/looked", describe_views.looked, name="looked"),
    path("<name:name>/v/<label:number>/retire", describe_views.retire, name="retire"),
    path("<name:name>/v/<label:number>/restore", describe_views.restore, name="restore"),
    path("<name:name>/v/<label:number>/download", download_views.download, name="download"),
    path("<name:name>/v/<label:number>/files/<path:path>", download_views.download_file, name="file"),
    path("<name:name>/v/<label:number>/link", link_views.new_link, name="link"),
    path("<name:name>/v/<label:number>/link/revoke-all", link_views.revoke, name="revoke_links"),
]
