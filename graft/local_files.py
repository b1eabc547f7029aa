"""Files of this machine: what they hold, and having one to oneself."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graft.errors import GraftError


def file_sha256(path: Path) -> str:
    """SHA-256 of the whole file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """No other process of this machine is in here with the same file or folder, where the system can tell.

    Raises:
        GraftError: `pull_running`: one is.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GraftError("pull_running", f"Another program fetches the same into {path.parent}.") from None
        yield
    finally:
        os.close(descriptor)
