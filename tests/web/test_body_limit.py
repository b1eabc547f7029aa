"""Bodies over the limit are read to their end without being kept, and the client is told why nothing came of them."""

import asyncio
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from pytest_django.fixtures import Settings

from finetune_app.datasets.models import Dataset
from finetune_app.web.body_limit import KEPT_BYTES, TOO_LARGE_KEY, Application, BodyLimit, Message, wrap
from tests.cast import make_cast

MIB = 1024 * 1024
PAGE, REST, OTHER = "/w/team/datasets/new", "/api/v1/datasets", "/w/team/jobs/new"
FORM = b"multipart/form-data; boundary=cut"


@dataclass
class Seen:
    """What the application was given, if it was called."""

    called: bool = False
    scope: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""
    disconnected: bool = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.called, self.scope = True, scope
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected = True
                return
            self.body += message["body"]
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@dataclass
class Answer:
    """What the client got, and how much of its body was read."""

    status: int | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    bytes_read: int = 0


def post(
    application: Application,
    path: str,
    chunks: Iterable[bytes],
    *,
    length: int | None = None,
    kind: bytes = FORM,
    headers: Iterable[tuple[bytes, bytes]] = (),
    breaks_off: bool = False,
    method: str = "POST",
) -> Answer:
    """One request as a server passes it on."""
    answer = Answer()
    source: Iterator[bytes] = iter(chunks)
    state = {"ended": False}
    finished = asyncio.Event()

    async def receive() -> Message:
        if state["ended"]:
            await finished.wait()
            return {"type": "http.disconnect"}
        chunk = next(source, None)
        if chunk is None:
            state["ended"] = True
            if breaks_off:
                finished.set()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}
        answer.bytes_read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], dict(message["headers"])
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", kind), *headers],
    }
    if length is not None:
        scope["headers"].append((b"content-length", str(length).encode()))
    asyncio.run(application(scope, receive, send))
    return answer


@pytest.mark.parametrize("length", [MIB, None])
def test_a_small_body_passes_as_it_is(length: int | None) -> None:
    seen = Seen()
    answer = post(BodyLimit(seen, upload_limit=8 * MIB), OTHER, [b"a" * 1024] * 1024, length=length)
    assert answer.status == 200
    assert seen.body == b"a" * MIB
    assert seen.scope[TOO_LARGE_KEY] is False


@pytest.mark.parametrize("length", [3 * MIB, None])
@pytest.mark.parametrize("path", [OTHER, "/api/v1/jobs"])
def test_any_other_body_over_two_mebibytes_is_refused(path: str, length: int | None) -> None:
    seen = Seen()
    answer = post(BodyLimit(seen, upload_limit=8 * MIB), path, [b"a" * 1024] * 3072, length=length)
    assert answer.status == 413
    assert answer.bytes_read == 3 * MIB
    assert seen.called == (length is None)
    if path.startswith("/api"):
        assert json.loads(answer.body)["code"] == "body_too_large"
    else:
        assert answer.headers[b"content-type"].startswith(b"text/plain")


@pytest.mark.parametrize("path", ["/api/v1/uploads", "/w/team/uploads"])
def test_a_piece_of_an_upload_has_a_limit_of_its_own(path: str) -> None:
    piece = f"{path}/0b5e7a52-6c5d-4d0e-9d3a-0d8ce0c1fb1d"
    fits, too_large = ([b"a" * MIB] * count for count in (64, 65))
    assert post(BodyLimit(Seen(), upload_limit=MIB), piece, fits, length=64 * MIB, method="PATCH").status == 200
    assert post(BodyLimit(Seen(), upload_limit=MIB), piece, too_large, length=65 * MIB, method="PATCH").status == 413
    assert post(BodyLimit(Seen(), upload_limit=MIB), path, fits, length=64 * MIB).status == 413


@pytest.mark.parametrize("path", [PAGE, REST])
@pytest.mark.parametrize("length", [5 * MIB, None])
def test_an_upload_may_be_as_large_as_the_settings_say(path: str, length: int | None) -> None:
    seen = Seen()
    answer = post(BodyLimit(seen, upload_limit=8 * MIB), path, [b"a" * MIB] * 5, length=length)
    assert answer.status == 200
    assert len(seen.body) == 5 * MIB
    # Django takes a form without a length for an empty one.
    assert int(dict(seen.scope["headers"])[b"content-length"]) >= 5 * MIB


def test_only_a_form_is_an_upload() -> None:
    answer = post(BodyLimit(Seen(), upload_limit=8 * MIB), REST, [b"a" * MIB] * 3, kind=b"application/json")
    assert (answer.status, json.loads(answer.body)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("length", [40 * MIB, None])
def test_rest_is_told_that_the_file_is_too_large(length: int | None) -> None:
    answer = post(BodyLimit(Seen(), upload_limit=8 * MIB), REST, [b"a" * MIB] * 40, length=length)
    error = json.loads(answer.body)
    assert (answer.status, error["code"], error["field"]) == (413, "file_too_large", "file")
    assert "8 MiB" in error["message"]
    assert answer.bytes_read == 40 * MIB


def test_the_upload_page_gets_the_beginning_and_is_told() -> None:
    seen = Seen()
    answer = post(BodyLimit(seen, upload_limit=8 * MIB), PAGE, [b"head", *[b"a" * MIB] * 40], length=40 * MIB)
    assert answer.bytes_read == 40 * MIB + 4
    assert seen.scope[TOO_LARGE_KEY] is True
    assert seen.body.startswith(b"heada")
    assert len(seen.body) == KEPT_BYTES


def test_the_upload_page_is_told_of_a_body_without_a_length_too() -> None:
    seen = Seen()
    answer = post(BodyLimit(seen, upload_limit=8 * MIB), PAGE, [b"a" * MIB] * 40)
    assert answer.bytes_read == 40 * MIB
    assert seen.scope[TOO_LARGE_KEY] is True
    assert len(seen.body) <= 9 * MIB


@pytest.mark.parametrize("length", [40 * MIB, None])
def test_a_client_that_goes_away_midway_leaves_nothing(length: int | None) -> None:
    seen = Seen()
    post(BodyLimit(seen, upload_limit=8 * MIB), PAGE, [b"a" * MIB] * 20, length=length, breaks_off=True)
    assert seen.disconnected


def test_memory_stays_flat_while_a_huge_body_is_thrown_away() -> None:
    chunk = b"a" * 65_536
    tracemalloc.start()
    try:
        answer = post(BodyLimit(Seen(), upload_limit=8 * MIB), PAGE, (chunk for _ in range(32_768)), length=2048 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.bytes_read == 2048 * MIB
    assert peak < MIB


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("announced", [True, False])
def test_a_person_reads_beside_the_file_that_it_is_too_large(
    settings: Settings, tmp_path: Path, announced: bool
) -> None:
    settings.UPLOAD_LIMIT_BYTES = 4 * MIB
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    cast = make_cast()
    client = cast.client(cast.editor)
    client.get(PAGE)
    token = client.cookies["csrftoken"].value
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    head = part("csrfmiddlewaretoken", token) + part("name", "support") + FILE_HEAD
    answer = post(
        wrap(get_asgi_application()),
        PAGE,
        [head, *[b"a" * 65_536] * 320],
        length=len(head) + 20 * MIB if announced else None,
        headers=[(b"cookie", cookies.encode())],
    )
    text = answer.body.decode()
    assert answer.status == 413
    assert "The file is larger than the limit of 4 MiB." in text
    assert "Choose a file" not in text
    assert 'value="support"' in text
    assert not list(tmp_path.iterdir())
    assert not Dataset.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("announced", [True, False])
def test_a_file_under_the_limit_arrives_whole(settings: Settings, tmp_path: Path, announced: bool) -> None:
    settings.STORAGE_URL = f"file://{tmp_path}"
    cast = make_cast()
    rows = b'{"text": "%s"}\n' % (b"a" * 4096) * 1024
    body = part("name", "support") + FILE_HEAD + rows + b"\r\n--cut--\r\n"
    answer = post(
        wrap(get_asgi_application()),
        REST,
        [body[start : start + 65_536] for start in range(0, len(body), 65_536)],
        length=len(body) if announced else None,
        headers=[(b"authorization", f"Bearer {cast.token(cast.editor)}".encode())],
    )
    assert answer.status == 201, answer.body
    assert json.loads(answer.body)["size"] == len(rows)


FILE_HEAD = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="rows.jsonl"\r\n\r\n'


def part(name: str, value: str) -> bytes:
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
