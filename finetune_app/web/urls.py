"""`/health/live` and `/health/ready`."""

from django.urls import path

from finetune_app.web.health import live, ready

app_name = "health"
urlpatterns = [path("live", live, name="live"), path("ready", ready, name="ready")]
