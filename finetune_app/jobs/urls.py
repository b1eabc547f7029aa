"""Addresses of the jobs of a workspace."""

from django.urls import path

from finetune_app.jobs import event_views, new_job_views, views

app_name = "jobs"
urlpatterns = [
    path("", views.job_list, name="list"),
    path("new", new_job_views.new, name="new"),
    path("new/options", new_job_views.options, name="options"),
    path("new/modules", new_job_views.modules, name="modules"),
    path("new/summary", new_job_views.summary, name="summary"),
    path("<int:number>/", views.detail, name="detail"),
    path("<int:number>/events", event_views.events, name="events"),
    path("<int:number>/log", event_views.log, name="log"),
    path("<int:number>/cancel", views.cancel, name="cancel"),
]
