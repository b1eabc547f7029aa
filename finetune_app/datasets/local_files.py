"""Blobs that a page reads at random, kept as files of this machine: placed once, then memory-mapped again and again."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from finetune_app.storage import blobs

# Where the storage is a folder on the same disk, the files are links to the blobs and take no room of their own.
LIMIT_BYTES = 20 * 1024**3


def local_file(sha256: str) -> Path:
    """The blob as a file of this machine, read-only; it may be removed as soon as others are needed more.

    Whoever has opened it keeps it: on this machine a removed file lives as long as it is open or mapped.

    Raises:
        blobs.BlobMissing: the storage has no such blob.
        blobs.BlobDamaged: its bytes are not what they were.
        OSError: the disk is full.
    """
    path: Path = settings.WORK_FOLDER / "indexes" / sha256 / "blob"
    try:
        os.utime(path.parent)  # the least recently used is removed first
    except FileNotFoundError:
        _make_room(path.parent.parent, blobs.size(sha256))
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        blobs.place(sha256, path)
    return path


def _make_room(folder: Path, size: int) -> None:
    """Remove the files that nobody has looked at for longest, until `size` more bytes fit."""
    kept: list[tuple[float, int, Path]] = []
    for entry in folder.glob("*/blob"):
        with suppress(FileNotFoundError):  # another process may be doing the same
            kept.append((entry.parent.stat().st_mtime, entry.stat().st_size, entry.parent))
    room = LIMIT_BYTES - size - sum(length for _, length, _ in kept)
    for _, length, path in sorted(kept):
        if room >= 0:
            return
        shutil.rmtree(path, ignore_errors=True)
        room += length
