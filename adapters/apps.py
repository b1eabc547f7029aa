"""Django app config."""

from django.apps import AppConfig


class AdaptersConfig(AppConfig):
    """The app `adapters`."""

    name = "adapters"
    label = "adapters"
