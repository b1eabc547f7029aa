"""The dataset pages, under /w/<workspace>/datasets/."""

from django.urls import path

from finetune_app.datasets import views

app_name = "datasets"
urlpatterns = [
    path("", views.dataset_list, name="list"),
    path("new", views.dataset_new, name="new"),
    path("<name:name>/", views.dataset_detail, name="detail"),
    path("<name:name>/v/<int:number>/", views.dataset_version, name="version"),
]
