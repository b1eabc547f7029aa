"""Watches the base's files while a run uses them: when one is no longer what it was, the run stops with that cause.

A look costs a few `stat` calls. Only a file of which the file system says that it was touched is read again, in a
thread, and compared with its registered SHA-256: where the storage is on the same disk the files are links to its
blobs, and a further link touches a file without changing it.
"""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.base_digests import stat_of
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import ErrorEvent

LOOK_SECONDS = 1.5  # as often as the heart beats
PART_BYTES = 8 * 1024 * 1024


class BaseGuard:
    """Knows what the files in `folder` looked like when the run was prepared.

    Args:
        folder: where the base lies on this machine.
        files: as of a base revision: `path` and `sha256` of each.
    """

    def __init__(self, folder: Path, files: Sequence[Mapping[str, str]]) -> None:
        self._folder = folder
        self._expected = {file["path"]: file["sha256"] for file in files}
        self._seen = {path: _stat(folder / path) for path in self._expected}
        self._looked_at = time.monotonic()
        self._reader: threading.Thread | None = None
        self._problem: ErrorEvent | None = None

    def look(self) -> ErrorEvent | None:
        """What happened to the files as far as is known; never waits."""
        if self._problem or (self._reader and self._reader.is_alive()):
            return self._problem
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            if touched := self._touched():
                self._reader = threading.Thread(target=self._read, args=(touched,), name="base-guard", daemon=True)
                self._reader.start()
        return self._problem

    def check(self) -> ErrorEvent | None:
        """What happened to the files by now; waits until those that were touched are read."""
        if self._reader:
            self._reader.join()
        if self._problem is None and (touched := self._touched()):
            self._read(touched)
        return self._problem

    def _touched(self) -> list[str]:
        return [path for path, seen in self._seen.items() if seen is None or _stat(self._folder / path) != seen]

    def _read(self, touched: list[str]) -> None:
        for path in touched:
            before = _stat(self._folder / path)
            if before is None:
                self._problem = _changed(f"{path} is gone")
            elif _sha256(self._folder / path) != self._expected[path]:
                self._problem = _changed(f"{path} changed on disk")
            else:
                self._seen[path] = before
            if self._problem:
                return


def _changed(what: str) -> ErrorEvent:
    return ErrorEvent(
        code=Cause.BASE_CHANGED,
        detail=f"{what} while the job ran. Try the job again: the files are then laid out anew.",
    )


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        return stat_of(path)
    except OSError:
        return None


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(PART_BYTES):
                digest.update(part)
    except OSError:
        return None
    return digest.hexdigest()
