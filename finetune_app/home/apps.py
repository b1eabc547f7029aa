"""Django app config."""

from django.apps import AppConfig


class HomeConfig(AppConfig):
    """The app `home`."""

    name = "finetune_app.home"
    label = "home"
