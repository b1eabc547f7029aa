"""Looks into places that the administrator shares (`GRAFT_IMPORT_SOURCES`): folders of this machine, S3 buckets. Pure.

Nothing outside of the place is reached: a path with `..` is refused, and so is a link that leads out of a folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from finetune_app.errors import UserError
from finetune_app.storage.location import open_store

CHECK = "Check its name, or ask the administrator whether Graft can reach it."


@dataclass(frozen=True)
class SharedFile:
    """A file of a place; `size` in bytes, `e_tag` changes with its content."""

    path: str
    size: int
    e_tag: str
    changed_at: datetime

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class SharedFolder:
    """What lies directly in a folder: the paths of its folders, and its files of the kinds that were asked for."""

    folders: list[str]
    files: list[SharedFile]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def address_of(places: Mapping[str, str], source: str) -> str:
    """The address of the place with this name.

    Raises:
        UserError: `source_unknown`.
    """
    if source not in places:
        known = f"There are {', '.join(places)}." if places else "GRAFT_IMPORT_SOURCES names none."
        raise UserError("source_unknown", f"No shared folder has the name “{source[:40]}”. {known}", field="source")
    return places[source]


def look_into(address: str, path: str, endings: tuple[str, ...]) -> SharedFolder:
    """What lies directly in the folder `path`, "" for the top, by name. What begins with a dot or `_` is left out.

    Args:
        address: of the place.
        path: from its top.
        endings: of the files that count, in small letters.

    Raises:
        UserError: `invalid_path`, or `source_unreachable`.
    """
    store, path = _open(address), path.strip("/")
    try:
        found = store.list_with_delimiter(path or None)
    except (BaseError, OSError, ValueError) as error:
        raise _refusal(error, path) from None
    files = [_file(item) for item in found["objects"]]
    return SharedFolder(
        folders=sorted(folder for folder in found["common_prefixes"] if _is_shown(store, folder)),
        files=sorted(
            (file for file in files if file.name.lower().endswith(endings) and _is_shown(store, file.path)),
            key=lambda file: file.path,
        ),
    )


def find_file(address: str, path: str) -> SharedFile | None:
    """The file at `path`; None when there is none, or a folder.

    Raises:
        UserError: `invalid_path`, or `source_unreachable`.
    """
    store, path = _open(address), path.strip("/")
    if not path or not _is_inside(store, path):
        return None
    try:
        return _file(store.head(path))
    except FileNotFoundError:
        return None
    except (BaseError, OSError, ValueError) as error:
        if isinstance(store, LocalStore) and (Path(store.prefix or "") / path).is_dir():
            return None
        raise _refusal(error, path) from None


def folder_here(address: str, path: str) -> Path | None:
    """The folder `path` of a place on this machine, to be read where it lies; None when the place is a bucket.

    Raises:
        UserError: `path_unknown`: there is no such folder in the place, or a link in it leads out of the place.
    """
    store, path = _open(address), path.strip("/")
    if not isinstance(store, LocalStore):
        return None
    folder = Path(store.prefix or "") / path
    if ".." in Path(path).parts or not folder.is_dir() or not _is_inside(store, path):
        raise UserError("path_unknown", f"There is no folder “{path[:120]}”. Choose another.", field="path")
    if outside := sorted(item.name for item in folder.rglob("*") if not _is_inside(store, str(item))):
        raise UserError(
            "path_unknown", f"“{outside[0][:120]}” is a link that leads out of the shared folder.", field="path"
        )
    return folder


def read_part(address: str, file: SharedFile, start: int, end: int) -> bytes:
    """Bytes of a file that was found, `end` not included.

    Raises:
        UserError: `source_unreachable`.
    """
    try:
        return _open(address).get_range(file.path, start=start, end=end).to_bytes()
    except (BaseError, OSError, ValueError) as error:
        raise _refusal(error, file.path) from None


@lru_cache(maxsize=8)
def _open(address: str) -> LocalStore | S3Store:
    try:
        return open_store(address, make=False)
    except (BaseError, OSError, ValueError) as error:
        raise _refusal(error, "") from None


def _file(item: Any) -> SharedFile:
    return SharedFile(
        path=item["path"], size=item["size"], e_tag=(item["e_tag"] or "").strip('"'), changed_at=item["last_modified"]
    )


def _is_shown(store: LocalStore | S3Store, path: str) -> bool:
    return not path.rpartition("/")[2].startswith((".", "_")) and _is_inside(store, path)


def _is_inside(store: LocalStore | S3Store, path: str) -> bool:
    """Whether the path, links followed, stays in the place."""
    if not isinstance(store, LocalStore) or store.prefix is None:
        return True
    top = Path(store.prefix).resolve()
    return (top / path).resolve().is_relative_to(top)


def _refusal(error: Exception, path: str) -> UserError:
    """The library's first line says what happened; what follows it is for its developers."""
    said = str(error).partition("\n")[0]
    if isinstance(error, ValueError) and "parse path" in said:
        return UserError("invalid_path", f"“{path[:120]}” is no path inside of the shared folder.", field="path")
    what = f"“{path[:120]}”" if path else "The shared folder"
    return UserError("source_unreachable", f"{what} {_what_happened(error)}. {CHECK}", field="path")


def _what_happened(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "is not there"
        case PermissionError() | PermissionDeniedError() | UnauthenticatedError():
            return "may not be read with the rights that Graft has"
        case _:
            return "could not be read"
