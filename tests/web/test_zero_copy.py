"""Files that the kernel sends: the same bytes in the same order as any answer, whatever the client does meanwhile."""

import hashlib
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path

import pytest
import uvicorn
from django.http import HttpRequest, HttpResponseBase

from finetune_app.storage.spans import FileSpan
from finetune_app.web.piece_response import ZERO_COPY, Handler, PieceResponse
from launcher.plan import HTTP

SIZE = 30_000_000  # more than a socket takes at once


class Served:
    """A server whose only page is `/<start>-<end>[,…]`: these stretches of a file with a word around each."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.saw_extension: list[bool] = []

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        self.saw_extension.append(ZERO_COPY in request.scope["extensions"])  # type: ignore[attr-defined]
        spans = [tuple(map(int, part.split("-"))) for part in request.path.strip("/").split(",")]

        async def pieces():
            for start, end in spans:
                yield b"<"
                yield FileSpan(self.file, start, end)
                yield b">"

        length = sum(end - start + 2 for start, end in spans)
        return PieceResponse(request, pieces(), headers={"Content-Length": str(length)})


class Bare(Handler):
    """`Handler` without the project's middleware and pages."""

    def __init__(self, served: Served) -> None:
        self.get_response_async = served.get_response_async


@pytest.fixture
def served(tmp_path: Path) -> Served:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    return Served(path)


@pytest.fixture(params=["uvloop", "asyncio"])
def port(request, served: Served) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Bare(served), http=HTTP, loop=request.param, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    listener.close()


def wanted(served: Served, *spans: tuple[int, int]) -> bytes:
    content = served.file.read_bytes()
    return b"".join(b"<" + content[start:end] + b">" for start, end in spans)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_bytes_and_stretches_come_in_order_over_one_connection(served, port):
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    for spans in ([(0, SIZE)], [(5, 6), (100, 20_000_000), (0, 3)], [(SIZE - 1, SIZE)]):
        connection.request("GET", "/" + ",".join(f"{start}-{end}" for start, end in spans))
        assert connection.getresponse().read() == wanted(served, *spans)
    connection.close()
    assert served.saw_extension == [True] * 3


def test_requests_that_are_sent_before_the_answer_are_answered_one_after_the_other(served, port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET /0-20000000 HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        body = wanted(served, (0, 20_000_000))
        with client.makefile("rb") as answers:
            for _ in range(2):
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                while answers.readline() != b"\r\n":
                    pass
                assert answers.read(len(body)) == body


def test_a_client_that_reads_slowly_gets_all_while_others_are_served(served, port):
    slow = HTTPConnection("127.0.0.1", port, timeout=20)
    slow.request("GET", f"/0-{SIZE}")
    answer = slow.getresponse()
    digest = hashlib.sha256(answer.read(1_000_000))
    time.sleep(0.2)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/0-9", timeout=10) as other:
        assert other.read() == wanted(served, (0, 9))
    while part := answer.read(3_000_000):
        digest.update(part)
        time.sleep(0.01)
    slow.close()
    assert digest.hexdigest() == hashlib.sha256(wanted(served, (0, SIZE))).hexdigest()


def test_a_client_that_leaves_costs_nothing_for_good(served, port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/0-9", timeout=10):
        pass
    before = open_files()
    for _ in range(12):  # more than there are threads to send
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(f"GET /0-{SIZE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert client.recv(100)
    until = time.monotonic() + 10
    while open_files() > before and time.monotonic() < until:
        time.sleep(0.02)
    assert open_files() <= before
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/0-9", timeout=10) as other:
        assert other.read() == wanted(served, (0, 9))


def test_a_file_that_ends_early_breaks_the_answer_off(served, port):
    os.truncate(served.file, 1_000_000)
    with (
        pytest.raises((IncompleteRead, ConnectionError)),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/0-{SIZE}", timeout=20) as answer,
    ):
        answer.read()
