"""Graft's REST API as a client sees it, with no more than the demo needs."""

import hashlib
import zipfile
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import httpx

from finetune_app.jobs.events import Record

TIMEOUT_SECONDS = 60.0  # above the time between two keep-alives of an event stream
CHUNK_BYTES = 64 * 1024
SUMS = "SHA256SUMS"


class RestError(Exception):
    """Graft answered with an error, or with something that it should not."""


class Rest:
    """The API at `address`, with a bearer token."""

    def __init__(self, address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def upload(self, name: str, path: Path) -> dict[str, Any]:
        """Upload a dataset; the same bytes again give the same version."""
        with path.open("rb") as file:
            return self._json(self._client.post("/api/v1/datasets", data={"name": name}, files={"file": file}))

    def queue(self, job: dict[str, Any]) -> dict[str, Any]:
        """Queue a job; it is accepted, not done."""
        answer = self._client.post("/api/v1/jobs", json=job)
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise _refused(answer)
        return self._json(answer)

    def get(self, path: str) -> dict[str, Any]:
        """The JSON at `path`, which begins with a slash."""
        return self._json(self._client.get(path))

    def follow(self, job: int) -> Iterator[Record]:
        """Every line of the job's log, those to come as well, until it has ended; a broken stream is taken up again."""
        last = ""
        while True:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
            try:
                with self._client.stream("GET", f"/api/v1/jobs/{job}/log", headers=headers) as answer:
                    if answer.status_code != HTTPStatus.OK:
                        answer.read()
                        raise _refused(answer)
                    for name, data in _events(answer.iter_lines()):
                        if name == "end":
                            return
                        record = Record.model_validate_json(data)
                        last = record.id
                        yield record
            except (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError):
                continue

    def download(self, path: str, target: Path) -> None:
        """Save what is at `path`: the first half, then the rest by `Range`, as after a broken connection."""
        with self._client.stream("GET", path) as answer, target.open("wb") as file:
            if answer.status_code != HTTPStatus.OK:
                answer.read()
                raise _refused(answer)
            size, tag = int(answer.headers["Content-Length"]), answer.headers["ETag"]
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                file.write(chunk[: size // 2 - file.tell()])
                if file.tell() >= size // 2:
                    break
        resume = {"Range": f"bytes={target.stat().st_size}-", "If-Range": tag}
        with self._client.stream("GET", path, headers=resume) as answer, target.open("ab") as file:
            if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
                answer.read()
                raise _refused(answer)
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                file.write(chunk)
        if target.stat().st_size != size:
            raise RestError(f"{path}: {target.stat().st_size} bytes came, not {size}")

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        if not answer.is_success:
            raise _refused(answer)
        body: dict[str, Any] = answer.json()
        return body


def check_sums(archive: Path) -> int:
    """Compare the files of a downloaded adapter with its `SHA256SUMS`; returns how many there are.

    Raises:
        RestError: a file is missing or is not what the sums say.
    """
    with zipfile.ZipFile(archive) as files:
        [sums] = [name for name in files.namelist() if name.rpartition("/")[2] == SUMS]
        folder = sums.removesuffix(SUMS)
        lines = files.read(sums).decode().splitlines()
        for line in lines:
            wanted, name = line.split(maxsplit=1)
            content = files.read(folder + name.removeprefix("*"))
            if hashlib.sha256(content).hexdigest() != wanted:
                raise RestError(f"{name} in the download is not what {SUMS} says")
    return len(lines)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Name and data of each server-sent event."""
    name, data = "", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = value
        elif not line and name:
            yield name, data
            name, data = "", ""


def _refused(answer: httpx.Response) -> RestError:
    try:
        reason = answer.json()["message"]
    except (ValueError, KeyError):
        reason = answer.text[:200]
    return RestError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}: {reason}")
