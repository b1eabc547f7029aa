"""Django app config."""

from django.apps import AppConfig


class HousekeepingConfig(AppConfig):
    """The app `housekeeping`."""

    name = "finetune_app.housekeeping"
    label = "housekeeping"
