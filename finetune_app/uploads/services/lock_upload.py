"""Have an upload to oneself while its bytes are written or moved."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from finetune_app.errors import NotFound, UserError
from finetune_app.uploads.models import Upload


@contextmanager
def locked(upload: Upload) -> Iterator[BinaryIO]:
    """The upload's part file; meanwhile nobody else gets it, and `upload` is what its row says now.

    The lock is the file's, not the database's: it may be held for as long as gigabytes take, and ends with its process.

    Raises:
        UserError: `upload_busy` (423) or `upload_gone` (410).
        NotFound: the upload was used or given up in the meantime.
    """
    try:
        file = upload.path.open("r+b")
    except FileNotFoundError:
        raise UserError("upload_gone", "The bytes sent so far are gone. Send the file again.", status=410) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "upload_busy", "This upload is being written or imported at the moment. Wait a little.", status=423
            ) from None
        try:
            upload.refresh_from_db()
        except Upload.DoesNotExist:
            raise NotFound("upload", str(upload.pk)) from None
        yield file
