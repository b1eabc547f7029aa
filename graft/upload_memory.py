"""Which file is on its way to which upload of the server, so that another process can go on with it.

One small file for each, named by what identifies the content to send: server, path, size and time of the last change.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from graft.places import app_folder, write_private

KEPT_SECONDS = 7 * 24 * 3600  # longer than a server keeps an upload that nobody goes on with


@dataclass(frozen=True)
class UploadMemory:
    """What is remembered about uploads to one server."""

    server: str

    @property
    def _folder(self) -> Path:
        return app_folder() / "uploads"

    def _note(self, path: Path) -> Path:
        about = path.stat()
        told = f"{self.server}\n{path.resolve()}\n{about.st_size}\n{about.st_mtime_ns}"
        return self._folder / hashlib.sha256(told.encode()).hexdigest()

    def recall(self, path: Path) -> str | None:
        """Where on the server this very content was on its way to."""
        try:
            return self._note(path).read_text()
        except OSError:
            return None

    def remember(self, path: Path, location: str) -> None:
        """Note where it goes to; what is too old to go on is forgotten."""
        note = self._note(path)
        write_private(note, location.encode())
        oldest = time.time() - KEPT_SECONDS
        for other in note.parent.iterdir():
            if other.stat().st_mtime < oldest:
                other.unlink(missing_ok=True)

    def forget(self, path: Path) -> None:
        """It has arrived and was used."""
        self._note(path).unlink(missing_ok=True)
