"""`manage.py verify FOLDER`: whether a downloaded adapter version is whole; needs no server and no database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from adapters.verify import verify_folder
from finetune_app.errors import UserError


class Command(BaseCommand):
    help = "Compares an unpacked adapter version with its manifest.json and SHA256SUMS. Ends with 1 when they differ."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="The folder with manifest.json.")
        parser.add_argument(
            "--manifest-sha256",
            default="",
            metavar="SHA256",
            help="What manifest.json itself must have, as the version's page shows it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(unit="B", unit_scale=True, desc="Reading", disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                report = verify_folder(options["folder"], manifest_sha256=options["manifest_sha256"], on_progress=show)
            except UserError as error:
                raise CommandError(error.message) from None
        for difference in report.differences:
            self.stdout.write(str(difference))
        what = f"{report.adapter}@{report.version}, {report.files} files, {report.size / 1e6:,.1f} MB"
        if not report.is_whole:
            raise CommandError(f"This is not {what}, for the reasons above. Download it again.")
        self.stdout.write(f"This is {what}, to the last byte. SHA-256 of its manifest: {report.manifest_sha256}")
