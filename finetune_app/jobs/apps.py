"""Django app config."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The app `jobs`."""

    name = "finetune_app.jobs"
    label = "jobs"
