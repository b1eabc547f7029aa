"""The address of the page of workers."""

from django.urls import path

from finetune_app.jobs.fleet_views import worker_list

app_name = "workers"
urlpatterns = [path("", worker_list, name="list")]
