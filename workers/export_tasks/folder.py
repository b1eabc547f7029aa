"""The export as a plain folder at a place that the settings name: it moves bytes and computes nothing.

A folder that was sent whole stays there whatever becomes of the merged model.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.conf import settings

from finetune_app.jobs.states import Phase
from finetune_app.merges.export_options import FolderOptions
from finetune_app.merges.models import Export
from finetune_app.merges.provenance import accompanying_files, slug_of
from finetune_app.storage import blobs
from finetune_app.storage.export_places import export_place, send_folder
from finetune_app.storage.outgoing import OutgoingFile, OutgoingFolder
from workers.task_program import InWorkerProgram, Report


def run(export: Export, report: Report) -> dict[str, Any]:
    """Send it; the result says where it lies, and whether it lay there before.

    Raises:
        UserError: `place_unknown`, `folder_taken`, `invalid_path`, or `place_unreachable`.
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the place's disk is full.
    """
    options = FolderOptions.model_validate(export.options)
    merged = export.merged_model
    folder = OutgoingFolder(
        path=options.path or slug_of(merged),
        files=[
            OutgoingFile(file["path"], file["size"], partial(_checked, file["sha256"]))
            for file in sorted(merged.files, key=lambda file: str(file["path"]))
        ],
        last=accompanying_files(merged),
    )
    done = 0

    def sent(count: int) -> None:
        nonlocal done
        done += count
        report(done, folder.size)

    is_new = send_folder(export_place(settings.EXPORT_PLACES, options.place), folder, sent)
    return {
        "place": options.place,
        "path": folder.path,
        "files": len(folder.sizes),
        "size": folder.size,
        "is_new": is_new,
    }


def _checked(sha256: str) -> Iterator[bytes]:
    """The bytes of the blob; the last of them come only when all are right."""
    digest, before = hashlib.sha256(), b""
    for part in blobs.stream(sha256):
        digest.update(part)
        yield before
        before = part
    if digest.hexdigest() != sha256:
        raise blobs.BlobDamaged(sha256)
    yield before


FOLDER = InWorkerProgram(run, phase=Phase.SENDING)
