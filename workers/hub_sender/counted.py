"""Files on their way to the hub, whose bytes are counted when they are sent.

Imported only after `hub/set_up.py` has set the libraries up.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from huggingface_hub import CommitOperationAdd

from workers.hub_sender.spec import FileToSend
from workers.progress import Progress


class Counter:
    """How far all files are together; several are sent at a time, and one whose sending broke off is sent again."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sent: dict[str, int] = {}
        self._lock = threading.Lock()

    def reach(self, path: str, position: int) -> None:
        """So much of this file is sent."""
        with self._lock:
            self._sent[path] = max(position, self._sent.get(path, 0))
            self._progress.reach(sum(self._sent.values()))


class Counted(CommitOperationAdd):
    """A file to add; its SHA-256 is known, so it is not read for that."""

    counter: Counter

    @classmethod
    def of(cls, file: FileToSend, folder: Path, counter: Counter) -> "Counted":
        """One of the order's files."""
        made = cls(file.path, folder / file.path)
        made.upload_info.sha256 = bytes.fromhex(file.sha256)
        made.counter = counter
        return made

    @contextmanager
    def as_file(self, with_tqdm: bool = False) -> Iterator[BinaryIO]:
        """The file as the library reads it; with a progress bar it is when it is sent."""
        if not with_tqdm:
            with super().as_file() as plain:
                yield plain
            return
        with _Reader(str(self.path_or_fileobj), self.path_in_repo, self.counter) as file:
            yield cast("BinaryIO", file)


class _Reader(io.BufferedReader):
    """Tells how far it has been read. It is a real file, so that what sends it knows its length."""

    def __init__(self, path: str, name: str, counter: Counter) -> None:
        super().__init__(io.FileIO(path), 1024 * 1024)
        self._of = name
        self._counter = counter

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self._counter.reach(self._of, self.tell())
        return content
