"""Whether a very large file can be uploaded, and what memory the web and the worker need for it.

Run: `python benchmarks/upload_large.py [--gigabytes 10]`. It starts a Graft of its own in a temporary folder (web,
worker, Valkey, SQLite), sends that many gigabytes of chat rows over loopback in pieces of 16 MiB with the tus protocol,
lets the connection break once in the middle of a piece, and then has a worker read, check and store them. The rows are
made while they are sent. Memory is the resident set of the web process and of the worker's child, looked at four times
a second: the most, less what it was before. It ends the Graft before the worker looks any further at the rows.
"""

import argparse
import base64
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PIECE = 16 * 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
TEXT = "the a of to and in that is for it with as on be at by this from order parcel invoice password account answer "


class Memory:
    """The most resident memory that the processes for which `of` returns the ids ever held together."""

    def __init__(self) -> None:
        self.most = 0
        self.first = 0

    @contextmanager
    def of(self, pids: "list[int]", *, children_named: str = "") -> Iterator["Memory"]:
        """Watches while its block runs; with `children_named`, the children whose command line has that."""
        end = threading.Event()

        def look() -> None:
            while not end.wait(0.25):
                now = sum(_resident(pid, children_named) for pid in pids)
                self.first = self.first or now
                self.most = max(self.most, now)

        thread = threading.Thread(target=look)
        thread.start()
        yield self
        end.set()
        thread.join()

    @property
    def grown(self) -> int:
        """Bytes."""
        return self.most - self.first


def _resident(pid: int, children_named: str) -> int:
    try:
        process = psutil.Process(pid)
        if not children_named:
            return int(process.memory_info().rss)
        children = process.children(recursive=True)
        return sum(child.memory_info().rss for child in children if children_named in " ".join(child.cmdline()))
    except psutil.Error:
        return 0


def pieces(size: int) -> Iterator[bytes]:
    """Chat rows of about 1 kB each, together at least `size` bytes, in whole pieces but for the last."""
    number, waiting = 0, bytearray()
    made = 0
    while made < size:
        answer = f"{number} {TEXT * 7}"
        row = {"messages": [{"role": "user", "content": f"{number}?"}, {"role": "assistant", "content": answer}]}
        line = json.dumps(row).encode() + b"\n"
        number, made = number + 1, made + len(line)
        waiting += line
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    yield bytes(waiting)


def total_of(size: int) -> int:
    """How many bytes `pieces(size)` has."""
    return sum(map(len, pieces(size)))


def send(client: httpx.Client, size: int, token: str) -> str:
    """Upload; the id of what was sent."""
    total = total_of(size)
    name = base64.b64encode(b"large.jsonl").decode()
    begun = client.post("/uploads", headers=TUS | {"Upload-Length": str(total), "Upload-Metadata": f"filename {name}"})
    begun.raise_for_status()
    address = begun.headers["Location"]
    offset = 0
    for number, piece in enumerate(pieces(size)):
        if number == 3:  # noqa: PLR2004 - any but the first
            break_off(client.base_url, address, offset, piece, token)
            standing = client.head(str(client.base_url.join(address)), headers=TUS)
            begins = int(standing.headers["Upload-Offset"]) - offset
            piece, offset = piece[begins:], offset + begins  # noqa: PLW2901 - what is still missing of it
        headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        client.patch(str(client.base_url.join(address)), content=piece, headers=headers).raise_for_status()
        offset += len(piece)
    return str(address.rpartition("/")[2])


def break_off(base: httpx.URL, address: str, offset: int, piece: bytes, token: str) -> None:
    """Send half of the piece and close the connection."""
    parts = urlsplit(str(base))
    head = (
        f"PATCH {address} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\nContent-Length: {len(piece)}\r\n"
        "Content-Type: application/offset+octet-stream\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + piece[: len(piece) // 2])
    time.sleep(1)  # the server sees the end of it


def wait_for_version(client: httpx.Client, url: str) -> dict[str, object]:
    """The import once it is over."""
    while True:
        found: dict[str, object] = client.get(str(client.base_url.join(url))).json()
        if found["state"] in {"succeeded", "failed"}:
            return found
        time.sleep(0.5)


def main() -> None:
    """Upload, import, and say what it took."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--gigabytes", type=float, default=10)
    size = int(arguments.parse_args().gigabytes * 1e9)
    os.environ["GRAFT_UPLOAD_LIMIT_MB"] = str(size // 2**20 + 64)
    from tests.journey.stack import Stack

    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "graft")
        stack.start()
        try:
            with stack.client() as client:
                client.timeout = httpx.Timeout(600)
                measure(stack.processes["web"].pid, stack.processes["light"].pid, client, size, stack.token)
        finally:
            stack.stop()


def measure(web: int, worker: int, client: httpx.Client, size: int, token: str) -> None:
    """Print the two parts."""
    start = time.perf_counter()
    with Memory().of([web]) as memory:
        upload = send(client, size, token)
    seconds = time.perf_counter() - start
    sent = f"sent {size / 1e9:.1f} GB in {seconds:.0f} s, the making of the rows included"
    print(f"{sent}; the web process grew by {memory.grown / 1e6:.0f} MB")
    start = time.perf_counter()
    with Memory().of([worker], children_named="workers.row_importer") as memory:
        begun = client.post("/imports", json={"name": "large", "uploads": [upload]})
        begun.raise_for_status()
        found = wait_for_version(client, begun.json()["url"])
    seconds = time.perf_counter() - start
    rows = client.get("/datasets/large/versions/1").json().get("rows")
    print(
        f"{found['state']} as {found['version']} ({rows:,} rows) in {seconds:.0f} s ({size / 1e6 / seconds:.0f} MB/s); "
        f"the worker's child held {memory.most / 1e6:.0f} MB at most"
    )


if __name__ == "__main__":
    main()
