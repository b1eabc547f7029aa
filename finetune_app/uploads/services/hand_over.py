"""Hands complete uploads to a worker: their bytes go into the storage, and a piece of work takes their place.

The bytes are moved outside of any transaction, since that may take minutes and a transaction holds the only write lock
of SQLite. Meanwhile the uploads are locked by their files. A process that dies in between leaves the uploads' rows, and
with them `sweep_uploads` finds what was moved.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound, UserError
from finetune_app.storage import incoming
from finetune_app.uploads.access import get_upload
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.end_upload import remove_upload
from finetune_app.uploads.services.lock_upload import locked
from finetune_app.work.models import WorkerTask
from finetune_app.work.wake_light_workers import wake_light_workers

log = logging.getLogger(__name__)


@contextmanager
def complete(access: Access, uploads: Sequence[UUID]) -> Iterator[list[Upload]]:
    """These uploads of the caller, whole, in this order; within the block nobody else gets them.

    Raises:
        UserError: `no_files`, `upload_incomplete`, `upload_busy` (423), or `upload_gone` (410).
        NotFound: an upload is not theirs, or was used before.
    """
    files = [get_upload(access, pk) for pk in dict.fromkeys(uploads)]
    if not files:
        raise UserError("no_files", "Choose at least one file.", field="file")
    with ExitStack() as locks:
        for file in files:
            _check_complete(file)
            locks.enter_context(locked(file))
        yield files


def listed(files: Sequence[Upload]) -> list[dict[str, Any]]:
    """What the work keeps of them: the name in the storage, the name that the person gave, the bytes."""
    return [{"id": str(file.pk), "file_name": file.file_name, "size": file.size} for file in files]


def hand_over(work: WorkerTask, files: Sequence[Upload]) -> None:
    """Move the bytes, then keep the work in the place of the uploads; if either fails, nothing is left half done.

    Args:
        work: not saved yet; it names the files as `listed` does.
        files: of `complete`, within its block.

    Raises:
        NotFound: an upload was given up meanwhile.
        UserError: `upload_lost`: some were moved and the rest could not be.
        OSError: the disk is full; the uploads are as they were.
    """
    try:
        for file in files:
            incoming.hand_over(file.path, str(file.pk))
        _replace(files, work)
    except Exception as error:
        lost = _remove_moved(files)
        if isinstance(error, UserError) or not lost:
            raise
        log.exception("uploads could not be handed over")
        raise UserError(
            "upload_lost", "The files could not be handed to a worker. Send the files again.", field="file"
        ) from error


def _replace(files: Sequence[Upload], work: WorkerTask) -> None:
    with transaction.atomic():
        work.save(force_insert=True)
        for file in files:
            removed, _ = Upload.objects.filter(pk=file.pk).delete()
            if not removed:  # given up while its bytes were moved
                raise NotFound("upload", str(file.pk))
        # Robust: once the work is kept, no failure may look as if it were not. Workers also look by themselves.
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
