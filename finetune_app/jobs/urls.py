"""Addresses of the jobs of a workspace."""

from django.urls import path

from finetune_app.jobs import (
    action_views,
    event_views,
    export_views,
    held_out_views,
    new_job_views,
    plan_views,
    queue_views,
    views,
)

app_name = "jobs"
urlpatterns = [
    path("", views.job_list, name="list"),
    path("new", new_job_views.new, name="new"),
    path("new/options", new_job_views.options, name="options"),
    path("new/method", new_job_views.method, name="method"),
    path("new/modules", new_job_views.modules, name="modules"),
    path("new/summary", new_job_views.summary, name="summary"),
    path("new/plan", plan_views.plan, name="plan"),
    path("queue", queue_views.queue, name="queue"),
    path("<int:number>/move", queue_views.move, name="move"),
    path("<int:number>/priority", queue_views.priority, name="priority"),
    path("<int:number>/", views.detail, name="detail"),
    path("<int:number>/events", event_views.events, name="events"),
    path("<int:number>/log", event_views.log, name="log"),
    path("<int:number>/held-out", held_out_views.held_out, name="held_out"),
    path("<int:number>/config.yaml", export_views.config_yaml, name="config_yaml"),
    path("<int:number>/script.py", export_views.script, name="script"),
    path("<int:number>/cancel", views.cancel, name="cancel"),
    path("<int:number>/pause", action_views.pause, name="pause"),
    path("<int:number>/resume", action_views.resume, name="resume"),
    path("<int:number>/retry", action_views.retry, name="retry"),
]
