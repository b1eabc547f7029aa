"""Writes a folder into a bucket, where nothing can be renamed. Pure.

While it is written, a mark lies in it; the files that say that it is whole come last, then the mark goes. Who finds the
mark of the same content takes the rest of that try away; where another one's mark lies, nothing is written.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from finetune_app.errors import UserError
from finetune_app.storage.outgoing import OutgoingFolder, folder_taken

MARK = ".graft-incomplete"
# S3 takes at most 10,000 parts, so this is room for files of 312 GiB.
PART_BYTES = 32 * 1024 * 1024
PARTS_AT_ONCE = 4


def write_into_bucket(store: S3Store, folder: OutgoingFolder, sent: Callable[[int], None]) -> bool:
    """Write it; whether it was not there before.

    Raises:
        UserError: `folder_taken`.
        BaseError: the bucket cannot be reached, or refuses.
    """
    found = _sizes(store, folder)
    is_begun = found.pop(MARK, None) is not None
    if is_begun and _read(store, folder, MARK) != folder.identity.encode():
        raise UserError(
            "folder_taken",
            f"Another export into “{folder.path}” is not done, or broke off. Choose another folder, or take that one "
            f"away, with the file {MARK} in it.",
            field="path",
            status=409,
        )
    if found and not is_begun and _is_same(store, folder, found):
        return False
    if found and not (is_begun and found.keys() <= folder.sizes.keys()):
        raise folder_taken(folder.path)
    try:
        obstore.put(store, _key(folder, MARK), folder.identity.encode())
        _delete(store, folder, found)
        for path, chunks in folder.pieces():
            _put(store, _key(folder, path), chunks, sent)
    except BaseException:
        with contextlib.suppress(BaseError, OSError):
            _delete(store, folder, [*folder.sizes, MARK])
        raise
    _delete(store, folder, [MARK])
    return True


def _put(store: S3Store, key: str, chunks: Iterator[bytes], sent: Callable[[int], None]) -> None:
    """Write one object. One that breaks off is ended nevertheless: the folder is marked, and an end leaves no parts."""
    writer = obstore.open_writer(store, key, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
    try:
        for chunk in chunks:
            writer.write(chunk)
            sent(len(chunk))
    except BaseException:
        with contextlib.suppress(BaseError, OSError):
            writer.close()
        raise
    writer.close()


def _sizes(store: S3Store, folder: OutgoingFolder) -> dict[str, int]:
    """Path in the folder → size of all that lies there."""
    top = f"{folder.path}/"
    return {
        item["path"].removeprefix(top): item["size"]
        for page in obstore.list(store, prefix=folder.path)
        for item in page
    }


def _is_same(store: S3Store, folder: OutgoingFolder, found: dict[str, int]) -> bool:
    return found == folder.sizes and all(_read(store, folder, path) == text for path, text in folder.last.items())


def _read(store: S3Store, folder: OutgoingFolder, path: str) -> bytes:
    return bytes(obstore.get(store, _key(folder, path)).bytes())


def _delete(store: S3Store, folder: OutgoingFolder, paths: Iterable[str]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(store, _key(folder, path))


def _key(folder: OutgoingFolder, path: str) -> str:
    return f"{folder.path}/{path}"
