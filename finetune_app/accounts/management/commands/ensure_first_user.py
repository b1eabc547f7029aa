"""`manage.py ensure_first_user`: somebody to sign in as on a fresh installation."""

from typing import Any

from django.core.management.base import BaseCommand

from finetune_app.accounts.services.create_first_user import create_first_user


class Command(BaseCommand):
    help = "Make the user “admin” and the workspace “team”, unless they exist."

    def handle(self, *args: Any, **options: Any) -> None:
        access = create_first_user()
        self.stdout.write(f"User “{access.user.username}” is {access.role.value} of “{access.workspace.slug}”.")
