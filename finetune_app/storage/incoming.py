"""Files that came in and are not yet known by their content: handed from the web to a worker, then deleted.

They lie beside the blobs, under a name of the caller's own (a UUID), so that web and worker need no common disk.
"""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from obstore.store import LocalStore

from finetune_app.storage.blobs import PART_BYTES, UPLOAD_PART_BYTES, UPLOADS_AT_ONCE
from finetune_app.storage.location import store_at
from finetune_app.storage.renewal import age_of


class IncomingMissing(Exception):
    """There is no incoming file of this name: it was used or given up."""


def hand_over(path: Path, name: str) -> None:
    """Move the file at `path` into the storage; on one disk that takes no time. `path` is gone afterwards.

    Raises:
        OSError: the disk is full.
    """
    if (place := _local_path(name)) is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        path.touch()  # its age is that of its coming: a collection of garbage leaves what came just now
        try:
            path.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _move_across_disks(path, place)
        return
    store_at(settings.STORAGE_URL).put(_key(name), path, chunk_size=UPLOAD_PART_BYTES, max_concurrency=UPLOADS_AT_ONCE)
    path.unlink()


def fetch(name: str, path: Path) -> None:
    """Put the incoming file's bytes at `path`; it stays in the storage until `discard`.

    Raises:
        IncomingMissing: it is not there.
    """
    if (place := _local_path(name)) is not None:
        if not place.exists():
            raise IncomingMissing(name)
        path.symlink_to(place)
        return
    store, key = store_at(settings.STORAGE_URL), _key(name)
    try:
        size = int(store.head(key)["size"])
    except FileNotFoundError:
        raise IncomingMissing(name) from None
    with path.open("xb") as file:
        for start in range(0, size, PART_BYTES):
            file.write(store.get_range(key, start=start, end=min(start + PART_BYTES, size)).to_bytes())


def discard(name: str) -> None:
    """Delete it; doing it again changes nothing."""
    try:
        store_at(settings.STORAGE_URL).delete(_key(name))
    except FileNotFoundError:
        return


def stored() -> Iterator[tuple[str, int, float]]:
    """Name, size in bytes and age in seconds of all incoming files."""
    for batch in store_at(settings.STORAGE_URL).list(_key("")):
        for found in batch:
            yield found["path"].partition("/")[2], found["size"], age_of(found["last_modified"])


def _move_across_disks(path: Path, place: Path) -> None:
    part = place.with_name(f".{place.name}.part")
    try:
        shutil.copyfile(path, part)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    path.unlink()


def _key(name: str) -> str:
    return f"incoming/{name}"


def _local_path(name: str) -> Path | None:
    store = store_at(settings.STORAGE_URL)
    return Path(store.prefix) / _key(name) if isinstance(store, LocalStore) and store.prefix is not None else None
