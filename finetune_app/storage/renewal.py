"""What keeps a blob that somebody just put safe from the collection of garbage that runs beside it.

A blob that no row names is taken only when nobody put it within the grace (`GARBAGE_GRACE_SECONDS`). Bytes that are
there already are not written again; instead, when they are older than half of the grace, an empty object under
`renewed/` says that somebody just needed them. (Changing the blob's own time would do on a disk, but S3 has no such
request, and on a disk the file is also the base model in a worker's folder, which counts as changed when its time is.)
So whoever puts a blob has at least half of the grace to commit the row that names it.

Collector and putter cannot miss each other, whatever the order, on any store that shows a finished write to the next
read, as disks and S3 do. The collector writes down under `removing/` what it is about to take, then looks at the ages,
then deletes, then takes its note away. The putter writes its renewal, then looks for such notes, then for the blob:

- The collector's note came first: the putter sees it, waits until it is gone, and begins again.
- The renewal came first: the collector sees it and leaves the blob.

For a blob that is not there the putter also waits for notes on it, so that a delete that is still under way cannot take
the new bytes. A collector that died leaves a note behind, which counts for nothing after `NOTE_SECONDS`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from obstore.store import LocalStore, S3Store

Store = LocalStore | S3Store
NOTES = "removing/"
RENEWALS = "renewed/"
NOTE_SECONDS = 900  # longer than the client of the store repeats a delete, plus `garbage.BATCH_SECONDS`
WAIT_SECONDS = 0.05


def blob_key(sha256: str) -> str:
    """Where a blob lies in the store."""
    return f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def renewal_key(sha256: str) -> str:
    """Where the renewal of a blob lies."""
    return f"{RENEWALS}{sha256[:2]}/{sha256[2:4]}/{sha256}"


def age_of(modified_at: datetime) -> float:
    """Seconds since then."""
    return (datetime.now(UTC) - modified_at).total_seconds()


def age_at(store: Store, key: str) -> float | None:
    """Seconds since the object at `key` was written; None when there is none."""
    try:
        return age_of(store.head(key)["last_modified"])
    except FileNotFoundError:
        return None


def is_there_to_stay(store: Store, sha256: str, length: int) -> bool:
    """Whether the blob is there, whole, and no collection takes it within half of the grace.

    When it is False, whoever puts the bytes now is safe as well.
    """
    while True:
        found = _look(store, sha256)
        is_whole = found is not None and found.size == length
        if found and is_whole and found.age < settings.GARBAGE_GRACE_SECONDS / 2:
            return True
        if found:
            store.put(renewal_key(sha256), b"")
        if _is_being_removed(store, sha256):
            time.sleep(WAIT_SECONDS)
        elif not is_whole:
            return False
        elif (found := _look(store, sha256)) and found.size == length:
            return True


def _look(store: Store, sha256: str) -> "_Found | None":
    try:
        found = store.head(blob_key(sha256))
    except FileNotFoundError:
        return None
    return _Found(found["size"], age_of(found["last_modified"]))


@dataclass(frozen=True)
class _Found:
    size: int
    age: float


def _is_being_removed(store: Store, sha256: str) -> bool:
    return any(sha256 in note for note in _notes(store))


def _notes(store: Store) -> Iterator[str]:
    """What each collector that is alive is about to take; seldom any."""
    for batch in store.list(NOTES):
        for found in batch:
            if age_of(found["last_modified"]) > NOTE_SECONDS:
                continue
            try:
                yield bytes(store.get(found["path"]).bytes()).decode()
            except FileNotFoundError:
                continue  # it is done
