"""Puts the files of a base revision into a folder on this machine, whole or not at all."""

import errno
import shutil
import time
import uuid
from pathlib import Path

from adapters.models import BaseRevision
from finetune_app.storage import blobs

ABANDONED_AFTER_SECONDS = 24 * 3600


def place_base(revision: BaseRevision, folder: Path) -> None:
    """Make `folder` with all files of the revision; nothing happens when it is there already.

    Any number of processes may do this at once: each works beside the folder, the first to end gives it its name, and
    the others find it there. Where the storage is a folder on the same disk, the files are links and take no room.

    Raises:
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the disk is full.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        part.mkdir()
        for file in revision.files:
            blobs.place(file["sha256"], part / file["path"])
        part.rename(folder)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """What a killed process left behind takes room; a day is longer than any placing lasts."""
    for part in folder.parent.glob(f".{folder.name}.*"):
        try:
            old = time.time() - part.stat().st_mtime > ABANDONED_AFTER_SECONDS
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(part, ignore_errors=True)
