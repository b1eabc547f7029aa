"""The import of a base model: lays out its files for the child, or what to fetch, and keeps what they become."""

from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.db import transaction

from adapters.base_digests import NOTES
from adapters.base_folder import TEMPLATES_FOLDER
from adapters.base_source import BaseUploads, base_asked_for, origin_in_words
from adapters.base_texts import CHAT_TEMPLATE
from adapters.models import BaseImport
from adapters.services.register_base import find_revision, keep_revision, store_base
from finetune_app.imports.end_import import discard_files
from finetune_app.storage import incoming
from finetune_app.work import run_task
from workers.registry_tasks.base_spec import SPEC_NAME, UPLOADED, BaseImportSpec, read_digested
from workers.task_program import TaskProgram


def prepare(work: BaseImport, folder: Path) -> None:
    """Put the files that are here into the run folder, and the order.

    Raises:
        IncomingMissing: a file was given up.
        OSError: the disk is full.
    """
    for file in work.source["files"]:
        path = folder / UPLOADED / _place(file["file_name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        incoming.fetch(file["id"], path)
    asked = base_asked_for(work.source)
    spec = BaseImportSpec(
        fetch=None if isinstance(asked, BaseUploads) else asked,
        limit=settings.BASE_LIMIT_BYTES,
        notes=settings.WORK_FOLDER / NOTES,
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())


def keep(work: BaseImport, folder: Path, _facts: dict[str, Any]) -> None:
    """Store the files, write the revision and end the import; its result says whether the revision was there before.

    Raises:
        UserError: the child refused the files.
        WorkOver: somebody gave the import up.
    """
    found = read_digested(folder)
    origin = base_asked_for(work.source).model_dump() | found.pins
    revision = find_revision(work.workspace, work.name, found.digests)
    stored = None if revision else store_base(found.folder, found.digests)
    with transaction.atomic():
        run_task.hold(work)
        is_new = False
        if stored is not None:
            words = origin_in_words(origin)
            revision, is_new = keep_revision(
                work.workspace, work.name, stored, source=words, origin=origin, created_by=work.created_by
            )
        assert revision is not None  # noqa: S101 - found or made
        result = {"base_model": revision.base_model.name, "revision": revision.number, "is_new": is_new}
        run_task.succeed(work, result, revision=revision)
    discard_files(work)


def _place(name: str) -> str:
    """Where a file that was sent lies in a base's folder: uploads have no folders, and other templates lie in one."""
    is_other_template = PurePosixPath(name).suffix == ".jinja" and name != CHAT_TEMPLATE
    return f"{TEMPLATES_FOLDER}/{name}" if is_other_template else name


IMPORT_BASE = TaskProgram("workers.base_importer", prepare, keep)
