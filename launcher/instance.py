"""One Graft per data folder: a lock that is held as long as it runs, and says where it listens."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from launcher.home import Home
from launcher.ports import web_address

FILE_NAME = "instance.json"
WRITE_SECONDS = 1.0  # the longest time between taking the lock and the words in the file


@dataclass(frozen=True)
class Instance:
    """A running Graft: the launcher's process id, and where its web process listens."""

    pid: int
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where a browser on this machine reaches it."""
        return web_address(self.host, self.port)


class AlreadyRunning(Exception):
    """Another launcher holds this data folder."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(f"Graft is already running at {instance.address}")
        self.instance = instance


@contextmanager
def hold(home: Home, *, host: str, port: int) -> Iterator[None]:
    """Hold the data folder until the block ends, however it ends: the kernel drops the lock with the process.

    Raises:
        AlreadyRunning: another launcher holds it.
    """
    with (home.run / FILE_NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if found := running(home):
                raise AlreadyRunning(found) from None
            fcntl.flock(file, fcntl.LOCK_EX)  # it ended just now
        file.truncate(0)
        file.write(json.dumps(asdict(Instance(os.getpid(), host, port))))
        file.flush()
        yield


def running(home: Home) -> Instance | None:
    """The Graft that runs in this data folder, if one does."""
    path = home.run / FILE_NAME
    until = time.monotonic() + WRITE_SECONDS
    while path.exists():
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                if content := file.read():
                    return Instance(**json.loads(content))
            else:
                return None
        if time.monotonic() > until:
            return None
        time.sleep(0.02)
    return None
