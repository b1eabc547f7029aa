"""`manage.py sign_in_link`: an address that signs a person in, once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from finetune_app.accounts.management.active_user import active_user
from finetune_app.accounts.services.create_first_user import FIRST_USER
from finetune_app.accounts.services.sign_in_link import make_sign_in_link


class Command(BaseCommand):
    help = "Print an address that signs a user in, once; it works for three days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", default=FIRST_USER, help="who signs in with it (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(make_sign_in_link(active_user(options["user"])))
