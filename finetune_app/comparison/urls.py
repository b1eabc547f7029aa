"""Addresses of the pages that compare versions, below /w/<workspace>/compare/."""

from django.urls import path

from finetune_app.comparison import views

app_name = "comparison"
urlpatterns = [
    path("", views.versions, name="versions"),
    path("curves", views.curves, name="curves"),
    path("deltas", views.deltas, name="deltas"),
]
