"""An import: lays out its files for the child, or what to fetch, and keeps the version that they become."""

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from finetune_app.datasets.check_report import Checked, CheckReport
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.import_source import Fetched, HubDataset, SharedFiles, asked_for
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.keep_version import keep_version
from finetune_app.datasets.services.upload_dataset import UNPACKED_TIMES, origin_of
from finetune_app.errors import UserError, WorkOver
from finetune_app.imports.end_import import discard_files
from finetune_app.storage import blobs, incoming
from finetune_app.work import run_task
from workers.dataset_tasks.import_spec import IMPORT_SPEC_NAME, ROWS_NAME, ImportSpec, read_fetched
from workers.dataset_tasks.report_files import read_report
from workers.task_program import TaskProgram


def prepare(work: DatasetImport, folder: Path) -> None:
    """Put the files that are here into the run folder, and the order.

    Raises:
        IncomingMissing: a file was given up.
        OSError: the disk is full.
    """
    files = []
    for number, file in enumerate(work.source["files"]):
        path = Path(f"file-{number}")
        incoming.fetch(file["id"], folder / path)
        files.append((path, file["file_name"]))
    asked = asked_for(work.source)
    spec = ImportSpec(
        files=files,
        fetch=asked if isinstance(asked, HubDataset | SharedFiles) else None,
        fetch_limit=settings.UPLOAD_LIMIT_BYTES,
        limit=UNPACKED_TIMES * settings.UPLOAD_LIMIT_BYTES,
        **work.options,
    )
    (folder / IMPORT_SPEC_NAME).write_text(spec.model_dump_json())


def keep(work: DatasetImport, folder: Path, _facts: dict[str, Any]) -> None:
    """Store the rows, write the version and end the import; its result says whether the version was there before.

    Raises:
        UserError: the child refused the files. What it fetched is kept, so that they can be read in another way.
        WorkOver: somebody gave the import up.
    """
    fetched = read_fetched(folder)
    try:
        report = read_report(folder)
    except UserError:
        if fetched:
            _keep_fetched(work, folder, fetched)
        raise
    rewritten = folder / ROWS_NAME
    as_it_came = folder / (fetched.files[0].path if fetched else "file-0")
    blobs.put_file(rewritten if rewritten.exists() else as_it_came, sha256=report.sha256)
    _keep_version(work, report, rewritten if rewritten.exists() else None, fetched)
    discard_files(work)


def _keep_version(work: DatasetImport, report: CheckReport, rewritten: Path | None, fetched: Fetched | None) -> None:
    files = fetched.files if fetched else []
    names = [file.file_name for file in files] or [file["file_name"] for file in work.source["files"]]
    with transaction.atomic():
        run_task.hold(work)
        version, is_new = keep_version(
            work.workspace,
            name=work.name,
            file_name=names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more",
            report=report,
            user=work.created_by,
            origin=_origin(work, Checked(report, rewritten), fetched),
        )
        result = {"dataset": version.dataset.name, "version": version.number, "is_new": is_new}
        run_task.succeed(work, result, version=version)


def _origin(work: DatasetImport, checked: Checked, fetched: Fetched | None) -> dict[str, Any]:
    """What the version keeps of where it came from: enough to fetch the same bytes again."""
    read = origin_of(checked, HowToRead(columns=work.options.get("columns", {})))
    asked = asked_for(work.source)
    if not isinstance(asked, HubDataset | SharedFiles):
        return read
    pins = fetched.pins if fetched else work.source["pins"]
    return asked.model_dump() | {"read_from": checked.report.read_from} | read | pins


def _keep_fetched(work: DatasetImport, folder: Path, fetched: Fetched) -> None:
    files = []
    for file in fetched.files:
        name = str(uuid.uuid4())
        incoming.hand_over(folder / file.path, name)
        files.append({"id": name, "file_name": file.file_name, "size": file.size})
    work.source |= {"files": files, "pins": fetched.pins}
    try:
        with transaction.atomic():
            run_task.hold(work)
            work.has_files = True
            work.save(update_fields=["source", "has_files"])
    except WorkOver:
        discard_files(work)
        raise


IMPORT = TaskProgram("workers.row_importer", prepare, keep)
