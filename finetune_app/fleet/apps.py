"""Django app config."""

from django.apps import AppConfig


class FleetConfig(AppConfig):
    """The app `fleet`."""

    name = "finetune_app.fleet"
    label = "fleet"
