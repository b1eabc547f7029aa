"""Django app config."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """The app `datasets`."""

    name = "finetune_app.datasets"
    label = "datasets"
