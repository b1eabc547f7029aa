"""Make a dataset version of uploads that are complete: hand their bytes to a worker, and queue the import.

The bytes are moved outside of any transaction, since that may take minutes and a transaction holds the only write lock
of SQLite. Meanwhile the uploads are locked by their files. A process that dies in between leaves the uploads' rows, and
with them `sweep_uploads` finds what was moved.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.import_source import Uploads
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.wake_light_workers import wake_light_workers
from finetune_app.errors import NotFound, UserError
from finetune_app.names import check_name
from finetune_app.storage import incoming
from finetune_app.uploads.access import get_upload
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.end_upload import remove_upload
from finetune_app.uploads.services.lock_upload import locked

log = logging.getLogger(__name__)


def import_uploads(
    access: Access, *, name: str, uploads: Sequence[UUID], options: Mapping[str, Any] | None = None
) -> DatasetImport:
    """Queue the import of these files, in this order, as the next version of the dataset `name`.

    Args:
        access: who asks, and where.
        name: the dataset; made when it is new.
        uploads: what the person sent; they are used up by this.
        options: how the rows are read, as `upload_dataset` takes it.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `no_files`, `upload_incomplete`, `upload_busy` (423), `upload_gone`
            (410), or `upload_lost` when some were moved and the rest could not be.
        NotFound: an upload is not theirs, or was used before.
        OSError: the disk is full; the uploads are as they were.
    """
    access.require(Role.EDITOR)
    name = check_name(name)
    files = [get_upload(access, pk) for pk in dict.fromkeys(uploads)]
    if not files:
        raise UserError("no_files", "Choose at least one file.", field="file")
    with ExitStack() as locks:
        for file in files:
            _check_complete(file)
            locks.enter_context(locked(file))
        listed = [{"id": str(file.pk), "file_name": file.file_name, "size": file.size} for file in files]
        found = DatasetImport(
            workspace=access.workspace,
            name=name,
            source=Uploads().model_dump() | {"files": listed},
            has_files=True,
            options=dict(options or {}),
            created_by=access.user,
        )
        _queue(found, files)
    return found


def _queue(found: DatasetImport, files: Sequence[Upload]) -> None:
    """Move the bytes, then keep the import in the place of the uploads; if either fails, nothing is left half done."""
    try:
        for file in files:
            incoming.hand_over(file.path, str(file.pk))
        _replace(files, found)
    except Exception as error:
        lost = _remove_moved(files)
        if isinstance(error, UserError) or not lost:
            raise
        log.exception("uploads could not be handed over")
        raise UserError(
            "upload_lost", "The files could not be handed to a worker. Send the files again.", field="file"
        ) from error


def _replace(files: Sequence[Upload], found: DatasetImport) -> None:
    with transaction.atomic():
        found.save(force_insert=True)
        for file in files:
            removed, _ = Upload.objects.filter(pk=file.pk).delete()
            if not removed:  # given up while its bytes were moved
                raise NotFound("upload", str(file.pk))
        # Robust: once the import is kept, no failure may look as if it were not. Workers also look by themselves.
        transaction.on_commit(wake_light_workers, robust=True)


def _remove_moved(files: Sequence[Upload]) -> bool:
    """Remove the uploads whose bytes are no longer with them; whether there were any."""
    moved = [file for file in files if not file.path.exists()]
    for file in moved:
        incoming.discard(str(file.pk))  # also where the row is gone, so that `remove_upload` would leave it
        remove_upload(file)
    return bool(moved)


def _check_complete(upload: Upload) -> None:
    if not upload.is_complete:
        raise UserError(
            "upload_incomplete",
            f"{upload.received:,} of {upload.size:,} bytes of {upload.file_name} are here. Send the rest first.",
            field="file",
        )
