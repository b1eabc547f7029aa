"""Send files in pieces with the tus protocol 1.0.0: what has arrived is never sent again.

Source: https://tus.io/protocols/resumable-upload. A broken connection costs the piece that was on its way; an ended
program costs no more, because `UploadMemory` tells the next one where to go on.
"""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import httpx

from graft.errors import GraftError
from graft.transport import TRIES, Transport, check, pause
from graft.types import Progress
from graft.upload_memory import UploadMemory

TUS = {"Tus-Resumable": "1.0.0"}
PIECE_TYPE = "application/offset+octet-stream"
PIECE_BYTES = 8 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
GONE = frozenset({404, 410})
ELSEWHERE = frozenset({409, 423, 429, 502, 503, 504})  # the upload stands elsewhere, or nobody can say at the moment


def files_in(paths: Sequence[Path]) -> list[Path]:
    """The files to send: each that is named, and of a folder all that are not hidden, by name.

    Raises:
        GraftError: `no_such_file`, `no_files`.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (file for file in sorted(path.rglob("*")) if file.is_file())
            found += [file for file in inside if not any(part.startswith(".") for part in file.relative_to(path).parts)]
        elif path.is_file():
            found.append(path)
        else:
            raise GraftError("no_such_file", f"There is no file or folder {path}.", field="path")
    if not found:
        raise GraftError("no_files", "There is no file to send.", field="path")
    return found


class Uploader:
    """Sends files to one server; `purpose` says what they are for where that allows larger ones."""

    def __init__(self, transport: Transport, progress: Progress, purpose: str = "") -> None:
        self._transport = transport
        self._progress = progress
        self._purpose = purpose
        self._memory = UploadMemory(transport.base_url)

    def send(self, path: Path) -> str:
        """Send the file, or what is missing of it; the upload's id.

        Raises:
            GraftError: what the server refused; `file_changed`; `unreachable` when nothing goes forward any more.
        """
        size = path.stat().st_size
        location, offset = self._standing(path) or (self._begin(path, size), 0)
        failures = 0
        with path.open("rb") as file:
            while offset < size:
                self._progress(path.name, offset, size)
                reached, error = self._send_piece(location, file, path.name, offset, size)
                failures = 0 if reached > offset else failures + 1
                if error is not None and failures >= TRIES:
                    raise error
                offset = reached
                if error is not None:
                    pause(max(failures, 1))
        self._progress(path.name, size, size)
        return location.rpartition("/")[2]

    def forget(self, path: Path) -> None:
        """The upload was used."""
        self._memory.forget(path)

    def _standing(self, path: Path) -> tuple[str, int] | None:
        """Where an earlier program was with this file; None when there is nothing to go on with."""
        location = self._memory.recall(path)
        if location is None:
            return None
        try:
            answer = self._transport.ask("HEAD", location, headers=TUS)
        except GraftError as error:
            if error.status not in GONE:
                raise
            self._memory.forget(path)
            return None
        if int(answer.headers["upload-length"]) != path.stat().st_size:
            return None
        return location, int(answer.headers["upload-offset"])

    def _begin(self, path: Path, size: int) -> str:
        told = {"filename": path.name} | ({"purpose": self._purpose} if self._purpose else {})
        metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
        headers = TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata}
        answer = self._transport.ask("POST", "/uploads", headers=headers)
        location = f"/uploads/{answer.headers['location'].rstrip('/').rpartition('/')[2]}"
        self._memory.remember(path, location)
        return location

    def _send_piece(
        self, location: str, file: BinaryIO, name: str, offset: int, size: int
    ) -> tuple[int, GraftError | None]:
        """How far the upload is now, and what went wrong where it may go on."""
        length = min(PIECE_BYTES, size - offset)
        headers = TUS | {"Upload-Offset": str(offset), "Content-Type": PIECE_TYPE, "Content-Length": str(length)}
        file.seek(offset)
        told = self._counted(file, name, offset, length, size)
        try:
            answer = self._transport.http.patch(location, content=told, headers=headers)
        except httpx.TransportError as error:
            return self._offset(location), self._transport.unreachable(error)
        if answer.status_code in ELSEWHERE:
            return self._offset(location), GraftError("unreachable", answer.text[:200], status=answer.status_code)
        check(answer)
        return int(answer.headers["upload-offset"]), None

    def _counted(self, file: BinaryIO, name: str, offset: int, length: int, size: int) -> Iterator[bytes]:
        end = offset + length
        while offset < end:
            chunk = file.read(min(CHUNK_BYTES, end - offset))
            if not chunk:
                raise GraftError("file_changed", f"{name} became shorter while it was sent. Start again.")
            yield chunk
            offset += len(chunk)
            self._progress(name, offset, size)

    def _offset(self, location: str) -> int:
        """How far the server is. It is asked again until it answers, or until that takes too long."""
        answer = self._transport.ask("HEAD", location, headers=TUS)
        return int(answer.headers["upload-offset"])
