"""Django app config."""

from django.apps import AppConfig


class UploadsConfig(AppConfig):
    """The app `uploads`."""

    name = "finetune_app.uploads"
    label = "uploads"
