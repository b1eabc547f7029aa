"""Addresses of the base model pages, below /w/<workspace>/bases/."""

from django.urls import path

from adapters import base_views

app_name = "bases"
urlpatterns = [
    path("", base_views.base_list, name="list"),
    path("<name:name>/", base_views.base_detail, name="detail"),
    path("<name:name>/r/<int:number>/", base_views.revision_detail, name="revision"),
]
