"""Django app config."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app `accounts`."""

    name = "finetune_app.accounts"
    label = "accounts"
