"""Uploads by token, under /api/v1/uploads."""

from django.urls import path

from finetune_app.uploads import views

app_name = "rest_uploads"
urlpatterns = [
    path("uploads", views.rest_collection, name="begin"),
    path("uploads/<uuid:pk>", views.rest_upload, name="upload"),
]
