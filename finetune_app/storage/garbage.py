"""The storage's side of the collection of garbage: what lies there, how old it is, and taking it away safely.

Which blobs are named is for the caller to know. `renewal.py` says why a blob that somebody puts meanwhile is not lost.
A file that a worker placed as a hard link stays what it is when the blob's own name goes: the bytes go with the last
link. A reader that opened a blob before goes on reading it on a disk; on S3 its next part is missing, so names should
not be let go of while somebody needs them.
"""

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from obstore.store import LocalStore

from finetune_app.storage.location import store_at
from finetune_app.storage.renewal import (
    NOTE_SECONDS,
    NOTES,
    RENEWALS,
    Store,
    age_at,
    age_of,
    blob_key,
    renewal_key,
)

SHA256 = re.compile(r"[0-9a-f]{64}")
# What a program that died left behind: a file that obstore was writing (`NAME#1`), or one that was being moved here.
UNFINISHED = re.compile(r"#\d+$|\.part$")
BATCH = 200
BATCH_SECONDS = 300.0
AT_ONCE = 8
COARSE_SECONDS = 1.0  # S3 tells whole seconds


@dataclass(frozen=True)
class Stored:
    """An object of the storage: a blob or a renewal by its SHA-256; `size` in bytes, `age` in seconds."""

    sha256: str
    size: int
    age: float


def stored_blobs() -> Iterator[Stored]:
    """All blobs, in no order. One that is put while they are listed may be missing."""
    return _listed("blobs/")


def renewals() -> Iterator[Stored]:
    """All renewals, in no order."""
    return _listed(RENEWALS)


def is_old(age: float) -> bool:
    """Whether the grace is over."""
    return bool(age > settings.GARBAGE_GRACE_SECONDS + COARSE_SECONDS)


def take_away(candidates: Sequence[str], tell: Callable[[str], None] = lambda _sha256: None) -> int:
    """Remove those of these blobs, which nothing names, that nobody put within the grace; how many went.

    Old renewals of blobs go too, also of those that stay.

    Args:
        candidates: their SHA-256s.
        tell: is told each one that went.
    """
    store = store_at(settings.STORAGE_URL)
    return sum(
        _take_batch(store, candidates[start : start + BATCH], tell, blobs=True)
        for start in range(0, len(candidates), BATCH)
    )


def forget_renewals(candidates: Sequence[str]) -> None:
    """Remove the renewals of these blobs that are older than the grace; the blobs stay."""
    store = store_at(settings.STORAGE_URL)
    for start in range(0, len(candidates), BATCH):
        _take_batch(store, candidates[start : start + BATCH], lambda _sha256: None, blobs=False)


def forget_dead_collectors() -> None:
    """Remove the notes of collectors that died."""
    store = store_at(settings.STORAGE_URL)
    for batch in store.list(NOTES):
        for found in batch:
            if age_of(found["last_modified"]) > NOTE_SECONDS:
                _delete(store, found["path"])


def remove_unfinished() -> int:
    """Remove files that programs which died left half written, older than the grace; how many.

    On S3 those are uploads in parts that no request shows; a rule of the bucket ends them.
    """
    store = store_at(settings.STORAGE_URL)
    if not isinstance(store, LocalStore) or store.prefix is None:
        return 0
    removed = 0
    for path in _unfinished(Path(store.prefix)):
        with suppress(FileNotFoundError):
            if is_old(time.time() - path.stat().st_mtime):
                path.unlink()
                removed += 1
    return removed


def _unfinished(storage: Path) -> Iterator[Path]:
    for name in ("blobs", "incoming", RENEWALS, NOTES):
        for folder, _, files in os.walk(storage / name):
            yield from (Path(folder) / file for file in files if UNFINISHED.search(file))


def _listed(prefix: str) -> Iterator[Stored]:
    for batch in store_at(settings.STORAGE_URL).list(prefix, chunk_size=1000):
        for found in batch:
            name = found["path"].rpartition("/")[2]
            if SHA256.fullmatch(name):
                yield Stored(name, found["size"], age_of(found["last_modified"]))


def _take_batch(store: Store, sha256s: Sequence[str], tell: Callable[[str], None], *, blobs: bool) -> int:
    give_up_at = time.monotonic() + BATCH_SECONDS
    take = _take_blob if blobs else _take_renewal

    def take_one(sha256: str) -> bool:
        # Whoever needs a blob of this batch waits, and not for ever; what is left goes another time.
        return time.monotonic() < give_up_at and take(store, sha256)

    with _noted(store, sha256s), ThreadPoolExecutor(AT_ONCE) as pool:
        gone = [sha256 for sha256, is_gone in zip(sha256s, pool.map(take_one, sha256s), strict=True) if is_gone]
    for sha256 in gone:
        tell(sha256)
    return len(gone)


@contextmanager
def _noted(store: Store, sha256s: Sequence[str]) -> Iterator[None]:
    """While this lasts, whoever puts one of these blobs waits. The note has a name of its own for each collector."""
    note = f"{NOTES}{uuid.uuid4().hex}"
    store.put(note, "\n".join(sha256s).encode())
    try:
        yield
    finally:
        _delete(store, note)


def _take_blob(store: Store, sha256: str) -> bool:
    age, renewed = age_at(store, blob_key(sha256)), age_at(store, renewal_key(sha256))
    if age is None or not is_old(age) or (renewed is not None and not is_old(renewed)):
        return False
    _delete(store, blob_key(sha256))
    if renewed is not None:
        _delete(store, renewal_key(sha256))
    return True


def _take_renewal(store: Store, sha256: str) -> bool:
    renewed = age_at(store, renewal_key(sha256))
    if renewed is None or not is_old(renewed):
        return False
    _delete(store, renewal_key(sha256))
    return True


def _delete(store: Store, key: str) -> None:
    with suppress(FileNotFoundError):
        store.delete(key)
