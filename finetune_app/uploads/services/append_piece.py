"""Add the next piece to an upload: one writer at a time, and never past the announced size."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from django.utils import timezone

from finetune_app.errors import UserError
from finetune_app.uploads.models import Upload

READ_BYTES = 1024 * 1024


class Readable(Protocol):
    """The body of a request."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""


def append_piece(upload: Upload, *, offset: int, body: Readable) -> Upload:
    """Write `body` at `offset`, which must be where the upload stands; what arrived of a broken piece counts.

    Raises:
        UserError: `upload_busy` (423), `wrong_offset` (409), `upload_too_long` (413), or `upload_gone` (410).
    """
    with _locked(upload) as file:
        upload.refresh_from_db()
        if offset != upload.received:
            raise UserError(
                "wrong_offset",
                f"The upload stands at byte {upload.received}, not {offset}. Go on from there.",
                status=409,
            )
        file.truncate(offset)  # what a process that died wrote after its last word
        file.seek(offset)
        _copy(body, file, upload)
    return upload


@contextmanager
def _locked(upload: Upload) -> Iterator[BinaryIO]:
    try:
        file = upload.path.open("r+b")
    except FileNotFoundError:
        raise UserError("upload_gone", "The bytes sent so far are gone. Send the file again.", status=410) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("upload_busy", "Another piece of this upload is being written.", status=423) from None
        yield file


def _copy(body: Readable, file: BinaryIO, upload: Upload) -> None:
    room = upload.size - upload.received
    try:
        while chunk := body.read(READ_BYTES):
            if len(chunk) > room:
                raise UserError("upload_too_long", f"The upload has more bytes than {upload.size}.", status=413)
            file.write(chunk)
            room -= len(chunk)
    finally:
        file.flush()
        os.fsync(file.fileno())
        received = upload.size - room
        Upload.objects.filter(pk=upload.pk).update(received=received, touched_at=timezone.now())
        upload.received = received
