"""Django app config."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The app `web`."""

    name = "finetune_app.web"
    label = "web"
