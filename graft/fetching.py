"""Fetch a file whose size and SHA-256 are known: what is there already is kept, and nothing wrong is called whole."""

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import httpx

from graft.errors import GraftError
from graft.transport import MAY_PASS, TRIES, Transport, check, pause

CHUNK_BYTES = 256 * 1024
SILENCE_SECONDS = 20.0  # then the connection is made anew
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class Remote:
    """A file on the server: where it is under REST, and what it is."""

    url: str
    path: str
    size: int
    sha256: str


class Stopped(Exception):
    """Somebody else gave up, so this does too."""


class Fetching:
    """Fetches files of one server until `stop` is set.

    `arrived(bytes)` hears of each piece, also of one that was there already, and of a negative number when what was
    there turns out to be worth nothing.
    """

    def __init__(self, transport: Transport, arrived: Callable[[int], None], stop: threading.Event) -> None:
        self._transport = transport
        self._arrived = arrived
        self._stop = stop

    def fetch(self, remote: Remote, target: Path) -> None:
        """Make `target` the whole file. What it holds already is the beginning that an earlier try got.

        Raises:
            GraftError: what the server refused; `unreachable`, or `damaged` when other bytes came twice.
            Stopped: see `stop`.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a+b") as file:
            growing = _Growing(file, self._arrived)
            for is_last in (False, True):
                self._fill(remote, growing)
                if growing.sha256 == remote.sha256:
                    return
                growing.restart()
                if is_last:
                    raise _damaged(remote)

    def _fill(self, remote: Remote, growing: "_Growing") -> None:
        if growing.size > remote.size:
            growing.restart()
        failures = 0
        while (have := growing.size) < remote.size:
            try:
                self._receive(remote, growing)
            except (httpx.TransportError, _MayPass) as error:
                failures = 0 if growing.size > have else failures + 1
                if failures >= TRIES:
                    raise self._transport.unreachable(error) from error
                pause(failures + 1)

    def _receive(self, remote: Remote, growing: "_Growing") -> None:
        have = growing.size
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": f'"{remote.sha256}"'}
        with self._transport.http.stream(
            "GET", remote.url, headers=headers, follow_redirects=True, timeout=SILENCE_SECONDS
        ) as answer:
            if answer.status_code in MAY_PASS:
                raise _MayPass(f"status {answer.status_code}")
            check(answer)
            if have and not _goes_on(answer, have, remote.size):
                growing.restart()
            for chunk in answer.iter_raw(CHUNK_BYTES):
                if self._stop.is_set():
                    raise Stopped
                growing.add(chunk)
                if growing.size > remote.size:
                    raise _damaged(remote)
        if growing.size < remote.size:
            raise _damaged(remote)


class _MayPass(Exception):
    """A proxy spoke for the server."""


class _Growing:
    """A file that is being filled, and the SHA-256 of what it holds."""

    def __init__(self, file: BinaryIO, arrived: Callable[[int], None]) -> None:
        self._file = file
        self._arrived = arrived
        self._digest = hashlib.sha256()
        self.size = 0
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            self._count(chunk)

    @property
    def sha256(self) -> str:
        """Of all that it holds."""
        return self._digest.hexdigest()

    def add(self, chunk: bytes) -> None:
        """Append what has come."""
        self._file.write(chunk)
        self._count(chunk)

    def restart(self) -> None:
        """Empty it."""
        self._file.truncate(0)
        self._arrived(-self.size)
        self._digest, self.size = hashlib.sha256(), 0

    def _count(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.size += len(chunk)
        self._arrived(len(chunk))


def _goes_on(answer: httpx.Response, have: int, size: int) -> bool:
    """Whether the answer begins where the file ends; otherwise it is the whole file."""
    if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
        return False
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if found is None or (int(found[1]), int(found[2])) != (have, size):
        raise GraftError("not_graft", f"{answer.request.url} sent other bytes than it was asked for.")
    return True


def _damaged(remote: Remote) -> GraftError:
    return GraftError("damaged", f"{remote.path} does not come as its SHA-256 says. Try again later.")
