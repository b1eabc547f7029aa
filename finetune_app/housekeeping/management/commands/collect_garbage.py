"""`manage.py collect_garbage`: takes out of the storage what nothing names; also while everything runs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from finetune_app.errors import UserError
from finetune_app.housekeeping.kinds import KIND_TITLES
from finetune_app.housekeeping.services.collect_garbage import collect_garbage
from finetune_app.web.templatetags.graft import bytes_

WIDTH = 48


class Command(BaseCommand):
    help = "Removes what nothing names and nobody put within the grace from the storage. Safe while everything runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(desc="Looking", bar_format="{desc}: step {n_fmt} of {total_fmt}", disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                found = collect_garbage(carry_out=not options["dry_run"], report=show)
            except UserError as error:
                raise CommandError(error.message) from None
        for kind, title in KIND_TITLES.items():
            self._line(title, found.kinds[kind].count, found.kinds[kind].bytes)
        for age, amount in found.unnamed.items():
            self._line(f"Nothing names it, {age}", amount.count, amount.bytes)
        if options["dry_run"]:
            self._line("Would go, with files that came in and were left", *self._amount(found.collectable))
        else:
            self._line("Went, with files that came in and were left", *self._amount(found.removed))

    def _amount(self, amount: Any) -> tuple[int, int]:
        return amount.count, amount.bytes

    def _line(self, title: str, count: int, size: int) -> None:
        self.stdout.write(f"{title:<{WIDTH}} {count:>10,} {bytes_(size):>12}")
