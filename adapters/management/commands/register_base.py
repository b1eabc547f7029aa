"""`manage.py register_base NAME FOLDER`: registers a folder of safetensors as a revision of a base model."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from adapters.services.register_base import register_base
from finetune_app.accounts.models import Workspace
from finetune_app.errors import UserError


class Command(BaseCommand):
    help = "Registers a folder (safetensors, config.json, tokenizer) as a revision of a base model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("folder", type=Path)
        parser.add_argument("--workspace", default="team")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace “{options['workspace']}”.")
        with tqdm(unit="B", unit_scale=True, desc="Reading", disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                revision = register_base(
                    workspace,
                    name=options["name"],
                    folder=options["folder"],
                    source=str(options["folder"]),
                    on_progress=show,
                )
            except UserError as error:
                raise CommandError(error.message) from None
        self.stdout.write(f"{revision}: weights {revision.weights_root[:12]}, {revision.parameters:,} parameters")
