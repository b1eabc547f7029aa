"""Blobs: immutable bytes known by their SHA-256. They appear whole or not at all, and the same bytes are kept once.

Whoever puts a blob commits the row that names it within hours: what nothing names is collected (see `renewal.py`).
"""

import errno
import hashlib
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from obstore.store import LocalStore, S3Store

from finetune_app.storage.location import store_at
from finetune_app.storage.renewal import blob_key, is_there_to_stay

# A blob is read by several short requests rather than one long one: a slow reader never holds a connection to the
# store open until it times out, and memory stays at one part per reader.
PART_BYTES = 8 * 1024 * 1024
# S3 takes at most 10,000 parts, so this is room for files of 156 GiB.
UPLOAD_PART_BYTES = 16 * 1024 * 1024
UPLOADS_AT_ONCE = 4
READ_ONLY = 0o444


class BlobMissing(Exception):
    """The storage has no blob with this SHA-256."""


class BlobDamaged(Exception):
    """The bytes in the storage are not those that the name promises."""


@dataclass(frozen=True)
class Blob:
    """A stored blob; `size` in bytes."""

    sha256: str
    size: int


def _store() -> LocalStore | S3Store:
    return store_at(settings.STORAGE_URL)


def local_path(sha256: str) -> Path | None:
    """Where the blob lies, when the storage is a folder."""
    store = _store()
    return Path(store.prefix) / blob_key(sha256) if isinstance(store, LocalStore) and store.prefix is not None else None


def put_file(path: Path, *, sha256: str = "") -> Blob:
    """Store the file's bytes; `sha256` spares reading it twice when the caller has just computed it.

    Raises:
        BlobDamaged: the file changed its size while it was stored.
    """
    if not sha256:
        sha256 = file_sha256(path)
    return _keep(sha256, path, path.stat().st_size)


def put_bytes(content: bytes) -> Blob:
    """Store `content`."""
    return _keep(hashlib.sha256(content).hexdigest(), content, len(content))


def _keep(sha256: str, content: Path | bytes, length: int) -> Blob:
    if is_there_to_stay(_store(), sha256, length):
        return Blob(sha256, length)
    _store().put(blob_key(sha256), content, chunk_size=UPLOAD_PART_BYTES, max_concurrency=UPLOADS_AT_ONCE)
    if _stored_size(sha256) != length:
        delete(sha256)
        raise BlobDamaged(sha256)
    if path := local_path(sha256):
        path.chmod(READ_ONLY)  # `place` hands out links to this very file
    return Blob(sha256, length)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stored_size(sha256: str) -> int | None:
    try:
        return int(_store().head(blob_key(sha256))["size"])
    except FileNotFoundError:
        return None


def exists(sha256: str) -> bool:
    """Whether the blob is there."""
    return _stored_size(sha256) is not None


def size(sha256: str) -> int:
    """How many bytes the blob has.

    Raises:
        BlobMissing: it is not there.
    """
    found = _stored_size(sha256)
    if found is None:
        raise BlobMissing(sha256)
    return found


def read(sha256: str) -> bytes:
    """All bytes of a small blob, checked.

    Raises:
        BlobMissing: it is not there.
        BlobDamaged: its bytes do not have this SHA-256.
    """
    content = b"".join(stream(sha256))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BlobDamaged(sha256)
    return content


def stream(sha256: str) -> Iterator[bytes]:
    """The blob in parts of a few megabytes; nothing is checked but the length.

    Raises:
        BlobMissing: it is not there.
        BlobDamaged: it ends early.
    """
    length = size(sha256)
    for start in range(0, length, PART_BYTES):
        end = min(start + PART_BYTES, length)
        yield _whole(sha256, _store().get_range(blob_key(sha256), start=start, end=end).to_bytes(), end - start)


def read_spans(sha256: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """The bytes of each span (start, end), end not included, in as few requests as the spans' places allow.

    Raises:
        BlobMissing: it is not there.
        BlobDamaged: it ends inside a span.
    """
    if not spans:
        return []
    starts, ends = zip(*spans, strict=True)
    try:
        parts = _store().get_ranges(blob_key(sha256), starts=starts, ends=ends)
    except FileNotFoundError:
        raise BlobMissing(sha256) from None
    return [_whole(sha256, part.to_bytes(), end - start) for part, (start, end) in zip(parts, spans, strict=True)]


async def stream_range(sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from `start` up to but not including `end`, in parts of a few megabytes.

    Raises:
        BlobMissing: it is not there.
        BlobDamaged: it ends before `end`.
    """
    for first in range(start, end, PART_BYTES):
        last = min(first + PART_BYTES, end)
        try:
            part = await _store().get_range_async(blob_key(sha256), start=first, end=last)
        except FileNotFoundError:
            raise BlobMissing(sha256) from None
        yield _whole(sha256, part.to_bytes(), last - first)


def _whole(sha256: str, part: bytes, length: int) -> bytes:
    if len(part) != length:
        raise BlobDamaged(sha256)
    return part


def delete(sha256: str) -> None:
    """Remove the blob; nothing happens when it is not there. The caller knows that nobody needs it."""
    try:
        _store().delete(blob_key(sha256))
    except FileNotFoundError:
        return


def place(sha256: str, path: Path) -> None:
    """Put the blob's bytes at `path`: a hard link where storage and `path` share a disk, else a copy.

    Either way the bytes are checked first, `path` appears whole or not at all, and it is read-only: a link is the blob
    itself, and whoever needs to write makes a copy. What was at `path` before is replaced.

    Raises:
        BlobMissing: it is not there.
        BlobDamaged: its bytes do not have this SHA-256.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        source = local_path(sha256)
        if source is None or not _linked(source, part):
            _copy(sha256, part)
        elif file_sha256(part) != sha256:
            raise BlobDamaged(sha256)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # also after the rename: between two links to one file it does nothing


def _linked(source: Path, part: Path) -> bool:
    """Whether `part` could be made a hard link to the blob; not across disks, nor where a disk has no links."""
    try:
        os.link(source, part)
    except FileNotFoundError:
        raise BlobMissing(source.name) from None
    except OSError as error:
        if error.errno in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES}:
            return False
        raise
    return True


def _copy(sha256: str, part: Path) -> None:
    digest = hashlib.sha256()
    with part.open("xb") as file:
        for chunk in stream(sha256):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())  # a rename may reach the disk before the bytes do
    if digest.hexdigest() != sha256:
        raise BlobDamaged(sha256)
    part.chmod(READ_ONLY)
