"""Add the next piece to an upload: one writer at a time, and never past the announced size."""

import os
from typing import BinaryIO, Protocol

from django.utils import timezone

from finetune_app.errors import UserError
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.lock_upload import locked

READ_BYTES = 1024 * 1024


class Readable(Protocol):
    """The body of a request."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""


def append_piece(upload: Upload, *, offset: int, body: Readable) -> Upload:
    """Write `body` at `offset`, which must be where the upload stands; what arrived of a broken piece counts.

    Raises:
        UserError: `upload_busy` (423), `wrong_offset` (409), `upload_too_long` (413), or `upload_gone` (410).
        NotFound: it was used or given up in the meantime.
    """
    with locked(upload) as file:
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
