"""Bring an adapter version or a merged model here: into a folder, or as a zip, that appears whole or not at all.

What has come so far lies beside it under a name that says exactly which content it is part of, so another try goes on
there and can never mix two versions.
"""

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import quote

from graft.errors import GraftError
from graft.fetching import Fetching, Remote, Stopped
from graft.local_files import alone_with, file_sha256
from graft.transport import Transport
from graft.types import Json, Progress, Rows

AT_ONCE = 4
THREADS = "graft-pull"
DIGITS_SHOWN = 12


def remote_files(version: Json) -> list[Remote]:
    """The files of a version, as REST lists them.

    Raises:
        GraftError: `not_graft`: a name would lead out of the folder.
    """
    return _remote(f"{_address(version)}/files", version["files"])


def remote_merged(merged: Json) -> list[Remote]:
    """The files of a merged model, as REST lists them.

    Raises:
        GraftError: `not_graft`: a name would lead out of the folder.
    """
    return _remote(f"{_address(merged)}/merged/{int(merged['number'])}/files", merged["files"])


def remote_archive(version: Json) -> Remote:
    """The version as one zip."""
    archive = version["archive"]
    _check_path(archive["path"])
    return Remote(f"{_address(version)}/download", archive["path"], archive["size"], archive["sha256"])


def pull_folder(transport: Transport, version: Json, folder: Path, *, progress: Progress) -> Path:
    """All files of the version in `folder`; see `pull_files`."""
    return pull_files(transport, remote_files(version), _title(version), folder, progress=progress)


def pull_files(transport: Transport, files: Sequence[Remote], title: str, folder: Path, *, progress: Progress) -> Path:
    """The files in `folder`; one that holds exactly them already stays as it is.

    Raises:
        GraftError: `folder_exists` with something else in it; `pull_running`; what fetching raises.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if folder.is_dir() and _holds(folder, files):
            return folder
        raise GraftError(
            "folder_exists",
            f"{folder} exists and holds something else. Name another folder, or remove it.",
            field="folder",
        )
    partial = folder.with_name(f".{folder.name}.{identity(files)}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with alone_with(partial):
        _fetch_all(transport, files, partial, title, progress)
        if folder.exists():  # an empty one
            folder.rmdir()
        partial.rename(folder)
    return folder


def pull_archive(transport: Transport, version: Json, target: Path, *, progress: Progress) -> Path:
    """The version as the zip `target`; one that is that already stays as it is.

    Raises:
        GraftError: `file_exists` with something else in it; `pull_running`; what fetching raises.
    """
    archive = remote_archive(version)
    if target.exists():
        if _is(target, archive):
            return target
        raise GraftError("file_exists", f"{target} exists and is something else. Name another file.", field="path")
    partial = target.with_name(f".{target.name}.{archive.sha256[:DIGITS_SHOWN]}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.touch()
    with alone_with(partial):
        one = Remote(archive.url, partial.name, archive.size, archive.sha256)
        _fetch_all(transport, [one], partial.parent, _title(version), progress)
        partial.replace(target)
    return target


def identity(files: Sequence[Remote]) -> str:
    """A few digits that only the same files have."""
    lines = sorted(f"{file.sha256}  {file.path}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:DIGITS_SHOWN]


def _fetch_all(transport: Transport, files: Sequence[Remote], folder: Path, title: str, progress: Progress) -> None:
    """Several files at a time; the first failure, or Ctrl-C, ends all, and what has come stays."""
    counter = _Counter(title, sum(file.size for file in files), progress)
    stop = threading.Event()
    fetching = Fetching(transport, counter.add, stop)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=THREADS) as threads:
        try:
            running = [threads.submit(fetching.fetch, file, folder / file.path) for file in files]
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            threads.shutdown(wait=False, cancel_futures=True)
    failed = [error for one in done if (error := one.exception()) is not None]
    if failed:
        raise next((error for error in failed if not isinstance(error, Stopped)), failed[0])


class _Counter:
    """Adds up what several threads receive."""

    def __init__(self, title: str, total: int, progress: Progress) -> None:
        self._title, self._total, self._progress = title, total, progress
        self._lock = threading.Lock()
        self._done = 0

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._progress(self._title, self._done, self._total)


def _is(path: Path, remote: Remote) -> bool:
    return path.is_file() and path.stat().st_size == remote.size and file_sha256(path) == remote.sha256


def _holds(folder: Path, files: Sequence[Remote]) -> bool:
    return all(_is(folder / file.path, file) for file in files)


def _remote(root: str, listed: Rows) -> list[Remote]:
    for one in listed:
        _check_path(one["path"])
    return [Remote(f"{root}/{quote(one['path'])}", one["path"], one["size"], one["sha256"]) for one in listed]


def _address(version: Json) -> str:
    return f"/adapters/{quote(version['adapter'])}/versions/{int(version['version'])}"


def _title(version: Json) -> str:
    return f"{version['adapter']}@{version['version']}"


def _check_path(path: str) -> None:
    """The server is trusted with bytes, not with places on this machine."""
    parts = PurePosixPath(path).parts
    windows = PureWindowsPath(path)
    if not parts or path.startswith("/") or ".." in windows.parts or windows.drive or windows.root or "\x00" in path:
        raise GraftError("not_graft", f"The server names a file “{path[:80]}”, which would lead out of the folder.")
