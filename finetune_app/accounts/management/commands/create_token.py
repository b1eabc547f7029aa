"""`manage.py create_token`: an API token for scripts."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from finetune_app.accounts.access import workspace_access
from finetune_app.accounts.management.active_user import active_user
from finetune_app.accounts.services.create_first_user import FIRST_USER, FIRST_WORKSPACE
from finetune_app.accounts.services.create_token import create_token
from finetune_app.errors import UserError


class Command(BaseCommand):
    help = "Make an API token and print it, and nothing else, on standard output. It is not shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", default=FIRST_USER, help="whose token it is (default: %(default)s)")
        parser.add_argument("--workspace", default=FIRST_WORKSPACE, help="for which workspace (default: %(default)s)")
        parser.add_argument("--name", default="command line", help="what it is for (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = active_user(options["user"])
        try:
            _, text = create_token(workspace_access(user, options["workspace"]), name=options["name"])
        except UserError as error:
            raise CommandError(error.message) from None
        self.stdout.write(text)
