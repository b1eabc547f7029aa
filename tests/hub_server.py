"""A small server that speaks the part of the Hugging Face hub's protocol with which datasets and models are downloaded.

    with serve_hub({"team/chats": repo({"train.jsonl": b"..."})}) as hub:
        ...  # start a process with HF_ENDPOINT=hub.url

It keeps what it was asked (`hub.asked`), and it can be told to fail: see `Repo` and `Hub`. As a proxy it refuses, so a
process whose HTTPS_PROXY is this server shows in `hub.asked` whatever else it wanted to reach.
"""

import hashlib
import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

Files = Mapping[str, bytes]

INFO = re.compile(r"/api/(?P<kind>dataset|model)s/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<rev>[^/]+))?")
TREE = re.compile(r"/api/(?P<kind>dataset|model)s/(?P<repo>[^/]+/[^/]+)/tree/(?P<rev>[^/]+)(?:/(?P<path>.+))?")
PATHS = re.compile(r"/api/(?P<kind>dataset|model)s/(?P<repo>[^/]+/[^/]+)/paths-info/(?P<rev>[^/]+)")
RESOLVE = re.compile(r"(?:/(?P<kind>dataset)s)?/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)")
RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Repo:
    """A dataset or model: commits by their hash, and what branches and tags mean now.

    `token`: without it as bearer token the hub says that there is no such dataset, as it does of private ones.
    `gated`: everybody may see the dataset, only who has the token of the hub may read its files.
    `broken`: every answer about it is 503.
    """

    commits: dict[str, Files]
    branches: dict[str, str]
    token: str = ""
    gated: bool = False
    broken: bool = False
    kind: str = "dataset"

    def push(self, files: Files) -> str:
        """A commit on `main` with these files and no others; its hash."""
        commit = commit_of(files)
        self.commits[commit] = files
        self.branches["main"] = commit
        return commit


@dataclass(frozen=True)
class Asked:
    """One request. `byte_range` and `token` are "" where there were none."""

    method: str
    path: str
    byte_range: str
    token: str


@dataclass
class Hub:
    """The server as a test sees it.

    `cut_once`: path in a repository → after how many bytes of its next download the connection is closed.
    `reset_once`: the same, but the connection is reset, as a router does that forgot it.
    `page_size`: how many files are on a page of a listing.
    `on_asked`: called with each request before it is answered.
    """

    repos: dict[str, Repo]
    url: str = ""
    gate_token: str = "hf_granted"
    cut_once: dict[str, int] = field(default_factory=dict)
    reset_once: dict[str, int] = field(default_factory=dict)
    page_size: int = 1000
    on_asked: Callable[[Asked], None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)

    def downloads(self, path: str) -> list[Asked]:
        """The GET requests for a file of any repository."""
        return [asked for asked in self.asked if asked.method == "GET" and asked.path.endswith(f"/{quote(path)}")]

    @property
    def tokens(self) -> set[str]:
        """Those that the hub gave out."""
        return {self.gate_token} | {repo.token for repo in self.repos.values()}

    @property
    def asked_as_proxy(self) -> list[str]:
        """What was to be reached through this server and does not lie on it."""
        return [asked.path for asked in self.asked if not asked.path.startswith("/")]


def commit_of(files: Files) -> str:
    """The hash of a commit that has these files: 40 hex digits."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(files):
        digest.update(path.encode() + b"\0" + files[path] + b"\0")
    return digest.hexdigest()


def repo(files: Files, *, token: str = "", gated: bool = False, broken: bool = False, kind: str = "dataset") -> Repo:
    """A dataset or model with one commit, on `main`."""
    made = Repo({}, {}, token=token, gated=gated, broken=broken, kind=kind)
    made.push(files)
    return made


@contextmanager
def serve_hub(
    repos: dict[str, Repo], *, page_size: int = 1000, handler: "type[Handler] | None" = None
) -> Iterator[Hub]:
    """Serve these on a free port of 127.0.0.1 until the block ends; `handler` may understand more than reading."""
    hub = Hub(repos, page_size=page_size)
    server = _Server(("127.0.0.1", 0), type("_Handler", (handler or Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="hub", daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Refused(Exception):
    """An error in the hub's words: `X-Error-Code` tells the client's library which of its exceptions it is."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no mistake of the server."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers what a client asks that reads; `body` is that of the request under way."""

    hub: Hub
    body: bytes
    protocol_version = "HTTP/1.1"  # connections are kept, as the hub does

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def do_CONNECT(self) -> None:
        self.answer()

    def log_message(self, format: str, *args: Any) -> None:
        """The requests are kept in `hub.asked`."""

    def answer(self) -> None:
        """Take the request, note it, and answer it."""
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            self.command,
            self.path,
            self.headers.get("Range", ""),
            self.headers.get("Authorization", "").removeprefix("Bearer "),
        )
        self.hub.asked.append(asked)
        self.hub.on_asked(asked)
        try:
            self.route(asked)
        except Refused as refused:
            self.send(refused.status, json.dumps({"error": str(refused)}).encode(), refused.headers)

    def route(self, asked: Asked) -> None:
        """Answer it."""
        if asked.token and asked.token not in self.hub.tokens:
            raise Refused(HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header")
        url = urlsplit(asked.path)
        handlers = {INFO: self._info, TREE: self._tree, PATHS: self._paths, RESOLVE: self._resolve}
        for pattern, handle in handlers.items():
            if asked.path.startswith("/") and (match := pattern.fullmatch(url.path)):
                names = {key: unquote(value or "") for key, value in match.groupdict().items()}
                repo = self._repo(names["repo"], asked.token, names["kind"] or "model")
                commit = self._commit(repo, names.get("rev") or "main")
                handle(repo, commit, names, parse_qs(url.query or self.body.decode()))
                return
        raise Refused(HTTPStatus.NOT_FOUND, "", "There is nothing here.")

    def _repo(self, name: str, token: str, kind: str) -> Repo:
        repo = self.hub.repos.get(name)
        if repo is None or repo.kind != kind or (repo.token and repo.token != token):
            if token:
                raise Refused(HTTPStatus.NOT_FOUND, "RepoNotFound", "Repository not found")
            raise Refused(HTTPStatus.UNAUTHORIZED, "RepoNotFound", "Invalid username or password.")
        if repo.broken:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "", "Be back soon")
        return repo

    @staticmethod
    def _commit(repo: Repo, revision: str) -> str:
        commit = repo.branches.get(revision, revision)
        if commit not in repo.commits:
            raise Refused(HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def _info(self, repo: Repo, commit: str, names: dict[str, str], _query: dict[str, list[str]]) -> None:
        self.send_json(
            {
                "_id": "621ffdd236468d709f181d58",
                "id": names["repo"],
                "sha": commit,
                "private": bool(repo.token),
                "gated": "manual" if repo.gated else False,
                "disabled": False,
                "tags": [],
                "siblings": [{"rfilename": path} for path in sorted(repo.commits[commit])],
            }
        )

    def _tree(self, repo: Repo, commit: str, names: dict[str, str], query: dict[str, list[str]]) -> None:
        entries = _entries(repo.commits[commit], names["path"], deep=query["recursive"] == ["true"])
        if not entries and names["path"]:
            raise Refused(HTTPStatus.NOT_FOUND, "EntryNotFound", f"{names['path']} does not exist on this revision")
        first = int(query.get("cursor", ["0"])[0])
        last = first + self.hub.page_size
        headers = {}
        if last < len(entries):
            path = urlsplit(self.path).path
            rest = f"recursive={query['recursive'][0]}&expand=false&cursor={last}"
            headers["Link"] = f'<{self.hub.url}{path}?{rest}>; rel="next"'
        self.send_json(entries[first:last], headers)

    def _paths(self, repo: Repo, commit: str, _names: dict[str, str], query: dict[str, list[str]]) -> None:
        files = repo.commits[commit]
        self.send_json([_file_entry(path, files[path]) for path in query["paths"] if path in files])

    def _resolve(self, repo: Repo, commit: str, names: dict[str, str], _query: dict[str, list[str]]) -> None:
        if repo.gated and self.headers.get("Authorization") != f"Bearer {self.hub.gate_token}":
            raise Refused(HTTPStatus.FORBIDDEN, "GatedRepo", "Access to this dataset is restricted.")
        path = names["path"]
        if path not in repo.commits[commit]:
            raise Refused(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found")
        content = repo.commits[commit][path]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob_id(content)}"', "Accept-Ranges": "bytes"}
        wanted = RANGE.fullmatch(self.headers.get("Range", ""))
        if not wanted:
            self.send(HTTPStatus.OK, content, headers, path)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.send(HTTPStatus.PARTIAL_CONTENT, content[first : last + 1], headers, path)

    def send_json(self, content: object, headers: Mapping[str, str] | None = None) -> None:
        """Answer with this as JSON."""
        headers = {"Content-Type": "application/json; charset=utf-8"} | dict(headers or {})
        self.send(HTTPStatus.OK, json.dumps(content).encode(), headers)

    def send(self, status: HTTPStatus, content: bytes, headers: Mapping[str, str], path: str = "") -> None:
        """Send an answer, or as much of it as the hub is told to."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        for faults in (self.hub.cut_once, self.hub.reset_once):
            if path in faults:
                self.wfile.write(content[: faults.pop(path)])
                self.hang_up(reset=faults is self.hub.reset_once)
                return
        self.wfile.write(content)

    def hang_up(self, *, reset: bool) -> None:
        """Close the connection, in one way or the other."""
        self.close_connection = True
        if reset:  # not to linger makes `close` send a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


def blob_id(content: bytes) -> str:
    """As git names a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _file_entry(path: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "oid": blob_id(content), "size": len(content), "path": path}


def _entries(files: Files, folder: str, *, deep: bool) -> list[dict[str, Any]]:
    """A folder's files and folders, or also all that lies below them."""
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, content in files.items():
        if not path.startswith(prefix):
            continue
        *folders, _ = path.removeprefix(prefix).split("/")
        for depth in range(1, len(folders) + 1):
            name = prefix + "/".join(folders[:depth])
            entries[name] = {"type": "directory", "oid": commit_of({name: b""}), "size": 0, "path": name}
        entries[path] = _file_entry(path, content)
    return [entry for name, entry in sorted(entries.items()) if deep or "/" not in name.removeprefix(prefix)]
