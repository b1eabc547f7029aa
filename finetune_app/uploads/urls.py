"""Uploads by session, under /w/<workspace>/uploads."""

from django.urls import path

from finetune_app.uploads import views

app_name = "uploads"
urlpatterns = [
    path("uploads", views.page_collection, name="begin"),
    path("uploads/<uuid:pk>", views.page_upload, name="upload"),
]
