"""The import of an adapter: lays out its files and the base's for the child, and registers what it found right."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from adapters.adapter_source import AdapterUploads, HubAdapter, SharedAdapter, adapter_asked_for, source_in_words
from adapters.fits import require_identity_fits
from adapters.manifest import Lineage
from adapters.models import AdapterImport
from adapters.services.register_version import register_version
from adapters.states import VersionOrigin
from finetune_app.imports.end_import import discard_files
from finetune_app.storage import incoming
from finetune_app.work import run_task
from workers.adapter_importer.spec import (
    ADAPTER_FOLDER,
    BASE_FOLDER,
    SPEC_NAME,
    AdapterImportSpec,
    FoundAdapter,
    read_found,
)
from workers.registry_tasks.small_base_files import place_small_base_files
from workers.task_program import TaskProgram

UNPACKED_TIMES = 2  # so many times the upload limit may an adapter have when it is unpacked: its weights hardly pack


def prepare(work: AdapterImport, folder: Path) -> None:
    """Put the files that are here into the run folder, the base's small files, and the order.

    Raises:
        UserError: `base_code_not_allowed`.
        IncomingMissing: a file was given up.
        blobs.BlobMissing: the storage lost a file of the base.
        OSError: the disk is full.
    """
    base = work.base_revision
    place_small_base_files(base, folder / BASE_FOLDER)
    files = []
    for number, file in enumerate(work.source["files"]):
        path = Path(f"file-{number}")
        incoming.fetch(file["id"], folder / path)
        files.append((path, file["file_name"]))
    asked = adapter_asked_for(work.source)
    spec = AdapterImportSpec(
        files=files,
        fetch=asked if isinstance(asked, HubAdapter | SharedAdapter) else None,
        fetch_limit=settings.UPLOAD_LIMIT_BYTES,
        unpack_limit=UNPACKED_TIMES * settings.UPLOAD_LIMIT_BYTES,
        base=str(base),
        trust_remote_code=base.trust_remote_code,
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())


def keep(work: AdapterImport, folder: Path, _facts: dict[str, Any]) -> None:
    """Register the version and end the import.

    Raises:
        UserError: the child refused the adapter, or its manifest names another base.
        WorkOver: somebody gave the import up.
    """
    found = read_found(folder)
    if found.base is not None:
        require_identity_fits("The adapter's manifest", found.base, work.base_revision, field="base")
    run_task.beat(work)  # nothing is registered of what was given up meanwhile
    version = register_version(
        workspace=work.workspace,
        adapter_name=work.name,
        base_revision=work.base_revision,
        folder=folder / ADAPTER_FOLDER,
        lineage=_lineage(work, found),
        source_key=f"adapter-import-{work.pk}",
        created_by=work.created_by,
        notes=work.notes,
    )
    with transaction.atomic():
        run_task.hold(work)
        run_task.succeed(work, {"version": str(version)}, version=version)
    discard_files(work)


def _lineage(work: AdapterImport, found: FoundAdapter) -> Lineage:
    """What is known of it, for good."""
    asked = adapter_asked_for(work.source)
    source = asked.model_dump() | found.pins | {"text": source_in_words(asked, found.pins)}
    if isinstance(asked, AdapterUploads):
        source["files"] = [file["file_name"] for file in work.source["files"]]
    if found.was:
        source["was"] = found.was
    return Lineage(
        origin=VersionOrigin.IMPORTED,
        source=source,
        config=found.config,
        libraries={"peft": found.peft_version} if found.peft_version else {},
    )


IMPORT_ADAPTER = TaskProgram("workers.adapter_importer", prepare, keep)
"""Child program: an adapter that was made elsewhere is fetched and checked against the base that a person chose."""
