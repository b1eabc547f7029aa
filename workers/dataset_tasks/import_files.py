"""The import of files that came in: lays them out for the child, and keeps the version that they become."""

from pathlib import Path
from typing import Any

from django.conf import settings

from finetune_app.datasets.check_report import Checked
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.keep_version import keep_version
from finetune_app.datasets.services.upload_dataset import UNPACKED_TIMES, origin_of
from finetune_app.storage import blobs, incoming
from workers.dataset_tasks.import_spec import IMPORT_SPEC_NAME, ROWS_NAME, ImportSpec, read_report

MODULE = "workers.row_importer"


def prepare(work: DatasetImport, folder: Path) -> None:
    """Fetch the files into the run folder.

    Raises:
        IncomingMissing: a file was given up.
        OSError: the disk is full.
    """
    files = []
    for number, file in enumerate(work.source["files"]):
        path = Path(f"file-{number}")
        incoming.fetch(file["id"], folder / path)
        files.append((path, file["file_name"]))
    limit = UNPACKED_TIMES * settings.UPLOAD_LIMIT_BYTES
    spec = ImportSpec(files=files, limit=limit, **work.options)
    (folder / IMPORT_SPEC_NAME).write_text(spec.model_dump_json())


def keep(work: DatasetImport, folder: Path, _facts: dict[str, Any]) -> dict[str, Any]:
    """Store the rows and write the version; the result says which one, and whether it was there before.

    Raises:
        UserError: the child refused the files.
    """
    report = read_report(folder)
    rows = folder / ROWS_NAME
    blobs.put_file(rows if rows.exists() else folder / "file-0", sha256=report.sha256)
    names = [file["file_name"] for file in work.source["files"]]
    how = HowToRead(columns=work.options.get("columns", {}))
    version, is_new = keep_version(
        work.workspace,
        name=work.name,
        file_name=names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more",
        report=report,
        user=work.created_by,
        origin=origin_of(Checked(report, rows if rows.exists() else None), how),
    )
    DatasetImport.objects.filter(pk=work.pk).update(version=version)
    return {"dataset": version.dataset.name, "version": version.number, "is_new": is_new}
