"""`manage.py prepare_demo`: the demo base model, the sample dataset and a first job, each only if it is missing."""

from typing import Any, Self

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from finetune_app.accounts.access import workspace_access
from finetune_app.accounts.models import Membership, Role
from finetune_app.errors import UserError
from workers.demo.prepare import prepare_base, prepare_dataset, prepare_job


class Command(BaseCommand):
    help = "Prepares the demo base model, the sample dataset and a first job. Can be interrupted and run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", default="team")
        parser.add_argument("--no-sample-job", action="store_true", help="Queue no job.")

    def handle(self, *args: Any, **options: Any) -> None:
        admin = (
            Membership.objects.select_related("user")
            .filter(workspace__slug=options["workspace"], role=Role.ADMIN)
            .order_by("id")
            .first()
        )
        if admin is None:
            raise CommandError(f"Workspace “{options['workspace']}” has no admin; run “manage.py ensure_first_user”.")
        access = workspace_access(admin.user, options["workspace"])
        try:
            with _Bars() as bars:
                prepare_base(access, self.stdout.write, bars.show)
            prepare_dataset(access)
            job = None if options["no_sample_job"] else prepare_job(access)
        except UserError as error:
            raise CommandError(error.message) from None
        if job:
            self.stdout.write(f"Queued the sample job {job.number}.")


class _Bars:
    """One progress bar for each stage, on a terminal only."""

    def __init__(self) -> None:
        self.stage = ""
        self.bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def show(self, stage: str, done: int, total: int) -> None:
        """Move the stage's bar to `done` of `total` bytes."""
        if self.bar is None or stage != self.stage:
            self.__exit__()
            self.stage, self.bar = stage, tqdm(desc=f"  {stage}", unit="B", unit_scale=True, disable=None)
        self.bar.total = total or None
        self.bar.update(done - self.bar.n)
