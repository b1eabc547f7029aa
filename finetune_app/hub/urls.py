"""The addresses that the hub's libraries ask. They come after all others: a repository's file may lie anywhere."""

from django.urls import path, register_converter

from finetune_app.hub import views
from finetune_app.hub.repo_names import RepoConverter

register_converter(RepoConverter, "repo")

app_name = "hub"
MODEL = "api/models/<repo:repo>"
urlpatterns = [
    path("api/whoami-v2", views.whoami, name="whoami"),
    path(MODEL, views.info, name="info"),
    path(f"{MODEL}/revision/<str:revision>", views.info, name="revision"),
    path(f"{MODEL}/tree/<str:revision>", views.tree, name="tree"),
    path(f"{MODEL}/tree/<str:revision>/<path:path>", views.tree, name="folder"),
    path(f"{MODEL}/paths-info/<str:revision>", views.paths_info, name="paths_info"),
    path(f"{MODEL}/refs", views.refs, name="refs"),
    path(f"{MODEL}/auth-check", views.auth_check, name="auth_check"),
    path("api/datasets/<path:path>", views.nothing_here),
    path("api/spaces/<path:path>", views.nothing_here),
    path("<repo:repo>/resolve/<str:revision>/<path:path>", views.resolve, name="file"),
]
