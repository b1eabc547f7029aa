"""Addresses of merged models, below /w/<workspace>/adapters/."""

from django.urls import path

from finetune_app.merges import views

app_name = "merges"
OF_VERSION = "<name:name>/v/<label:label>/merged"
urlpatterns = [
    path("merged", views.merged_models, name="list"),
    path(f"{OF_VERSION}/new", views.new_merge, name="new"),
    path(f"{OF_VERSION}/<int:merged>/", views.merged_model, name="merged"),
    path(f"{OF_VERSION}/<int:merged>/report.json", views.report, name="report"),
    path(f"{OF_VERSION}/<int:merged>/cancel", views.cancel, name="cancel"),
    path(f"{OF_VERSION}/<int:merged>/try-again", views.try_again, name="try_again"),
]
