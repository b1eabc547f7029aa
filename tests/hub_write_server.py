"""The server of `hub_server.py` with the part of the hub's protocol by which models are pushed.

    with serve_writable_hub("hf_writer", owner="acme") as (hub, written):
        ...  # start a process with HF_ENDPOINT=hub.url

Large files come by LFS (in one piece, or in several), a commit as lines of JSON; what was pushed is then read as
anything else on that server. It can be told to fail: see `Written`.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.hub_server import Asked, Handler, Hub, Refused, Repo, blob_id, serve_hub

REPO = r"(?P<repo>[^/]+/[^/]+)"
CREATE = re.compile(r"/api/repos/create")
YAML = re.compile(r"/api/validate-yaml")
PREUPLOAD = re.compile(rf"/api/models/{REPO}/preupload/(?P<rev>[^/]+)")
BATCH = re.compile(rf"/{REPO}\.git/info/lfs/objects/batch")
OBJECT = re.compile(r"/lfs/(?P<oid>[0-9a-f]{64})")
PART = re.compile(r"/lfs/(?P<oid>[0-9a-f]{64})/(?P<part>\d{5})")
WHOLE = re.compile(r"/lfs/(?P<oid>[0-9a-f]{64})/whole")
VERIFY = re.compile(r"/lfs/(?P<oid>[0-9a-f]{64})/verify")
COMMIT = re.compile(rf"/api/models/{REPO}/commit/(?P<rev>[^/]+)")
ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


@dataclass
class Written:
    """What was pushed, and how the server fails.

    `owners`: token → for whom it may write. `commits`: the header of each commit. `objects`: what came by LFS.
    `part_bytes`: larger objects come in parts of so many. `private`: the repositories that were made so.
    `drop_uploads`, `lose_answers`: so many of the next uploads, or answers to a commit, end with a closed connection.
    `refuse`: (status, words) of the answer to a commit. `room`: more bytes than that the LFS part does not take.
    `on_upload`: called before an object is taken. `before_commit`: called before a commit is looked at.
    """

    owners: dict[str, str]
    commits: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    part_bytes: int = 0
    drop_uploads: int = 0
    lose_answers: int = 0
    room: int | None = None
    refuse: tuple[HTTPStatus, str] | None = None
    on_upload: Callable[[], None] = lambda: None
    before_commit: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serve_writable_hub(
    token: str, *, owner: str, repos: dict[str, Repo] | None = None
) -> Iterator[tuple[Hub, Written]]:
    """A hub on which `token` may write for `owner`, and read what it wrote."""
    written = Written({token: owner})
    handler = type("Handler", (WriteHandler,), {"written": written})
    with serve_hub(dict(repos or {}), handler=handler) as hub:
        hub.gate_token = token
        yield hub, written


class WriteHandler(Handler):
    """Answers what a client asks that reads or writes."""

    written: Written

    def route(self, asked: Asked) -> None:
        url = urlsplit(asked.path)
        handlers = {
            CREATE: self._create,
            YAML: self._validate_yaml,
            PREUPLOAD: self._preupload,
            BATCH: self._batch,
            OBJECT: self._take,
            PART: self._take_part,
            WHOLE: self._join,
            VERIFY: self._verify,
            COMMIT: self._take_commit,
        }
        for pattern, handle in handlers.items():
            if asked.method in {"POST", "PUT"} and (match := pattern.fullmatch(url.path)):
                if asked.method == "POST" and pattern is not WHOLE and asked.token not in self.hub.tokens:
                    raise Refused(HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header")
                handle(asked, **match.groupdict())
                return
        super().route(asked)

    def _may_write(self, asked: Asked, owner: str) -> None:
        if self.written.owners.get(asked.token) != owner:
            raise Refused(HTTPStatus.FORBIDDEN, "", f"You don't have the rights to write for {owner}")

    def _create(self, asked: Asked) -> None:
        wanted = json.loads(self.body)
        name = f"{wanted['organization']}/{wanted['name']}"
        url = f"{self.hub.url}/{name}"
        self._may_write(asked, wanted["organization"])
        with self.written.lock:
            if name in self.hub.repos:
                self._answer_json(HTTPStatus.CONFLICT, {"error": "You already created this model repo", "url": url})
                return
            is_private = wanted.get("visibility") == "private"
            made = Repo({}, {}, token=asked.token if is_private else "", kind="model")
            made.push({".gitattributes": ATTRIBUTES})
            self.hub.repos[name] = made
            self.written.private += [name] * is_private
        self.send_json({"url": url, "name": name, "id": "1"})

    def _validate_yaml(self, _asked: Asked) -> None:
        _, front, _ = json.loads(self.body)["content"].split("---\n", 2)
        assert isinstance(yaml.safe_load(front), dict)
        self.send_json({"errors": [], "warnings": []})

    def _preupload(self, asked: Asked, repo: str, rev: str) -> None:
        files = self._files(asked, repo, rev)
        answers = []
        for file in json.loads(self.body)["files"]:
            is_large = b"\0" in base64.b64decode(file["sample"]) or file["path"].endswith(".safetensors")
            there = files.get(file["path"])
            oid = there and (hashlib.sha256(there).hexdigest() if is_large else blob_id(there))
            mode = "lfs" if is_large else "regular"
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.send_json({"files": answers})

    def _batch(self, asked: Asked, repo: str) -> None:
        self._may_write(asked, repo.partition("/")[0])
        wanted = json.loads(self.body)
        assert (wanted["operation"], wanted["hash_algo"]) == ("upload", "sha256")
        self.send_json({"transfer": "basic", "objects": [self._instructions(item) for item in wanted["objects"]]})

    def _instructions(self, item: dict[str, Any]) -> dict[str, Any]:
        oid, size = item["oid"], item["size"]
        known = {"oid": oid, "size": size, "authenticated": True}
        if self.written.room is not None and size > self.written.room:
            return known | {"error": {"code": 403, "message": "Private storage limit reached"}}
        if oid in self.written.objects:
            return known
        url = f"{self.hub.url}/lfs/{oid}"
        verify = {"href": f"{url}/verify", "header": {}}
        if not self.written.part_bytes or size <= self.written.part_bytes:
            return known | {"actions": {"upload": {"href": url, "header": {}}, "verify": verify}}
        parts = -(-size // self.written.part_bytes)
        header = {f"{part:05}": f"{url}/{part:05}" for part in range(1, parts + 1)}
        upload = {"href": f"{url}/whole", "header": header | {"chunk_size": str(self.written.part_bytes)}}
        return known | {"actions": {"upload": upload, "verify": verify}}

    def _is_dropped(self) -> bool:
        """Whether this upload ends without an answer; what the storage behind the hub needs is looked at as well."""
        assert self.headers["Content-Length"], "S3 takes nothing of unknown length"
        assert "Authorization" not in self.headers, "the address is signed; the token is nobody's business there"
        self.written.on_upload()
        with self.written.lock:
            self.written.uploads.append(self.path)
            if not self.written.drop_uploads:
                return False
            self.written.drop_uploads -= 1
        self.hang_up(reset=False)
        return True

    def _take(self, _asked: Asked, oid: str) -> None:
        if self._is_dropped():
            return
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(HTTPStatus.BAD_REQUEST, "", "The bytes are not those of the oid")
        self.written.objects[oid] = self.body
        self.send_json({})

    def _take_part(self, _asked: Asked, oid: str, part: str) -> None:
        if self._is_dropped():
            return
        self.written.parts.setdefault(oid, {})[int(part)] = self.body
        self.send_json({}, {"ETag": f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'})

    def _join(self, _asked: Asked, oid: str) -> None:
        parts = self.written.parts.pop(oid)
        told = [(part["partNumber"], part["etag"]) for part in json.loads(self.body)["parts"]]
        etags = {part: hashlib.md5(body, usedforsecurity=False).hexdigest() for part, body in parts.items()}
        assert told == [(part, f'"{etags[part]}"') for part in sorted(parts)]
        whole = b"".join(parts[part] for part in sorted(parts))
        assert hashlib.sha256(whole).hexdigest() == oid
        self.written.objects[oid] = whole
        self.send_json({})

    def _verify(self, _asked: Asked, oid: str) -> None:
        assert len(self.written.objects[oid]) == json.loads(self.body)["size"]
        self.send_json({})

    def _take_commit(self, asked: Asked, repo: str, rev: str) -> None:
        self.written.before_commit()
        if self.written.refuse:
            raise Refused(self.written.refuse[0], "", self.written.refuse[1])
        files = dict(self._files(asked, repo, rev))
        header, *operations = [json.loads(line) for line in self.body.splitlines()]
        if header["value"].get("parentCommit") != self.hub.repos[repo].branches[rev]:
            raise Refused(
                HTTPStatus.PRECONDITION_FAILED, "", "A commit has happened since. Please refresh and try again."
            )
        for operation in operations:
            value = operation["value"]
            match operation["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.written.objects[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
                case other:
                    raise AssertionError(other)
        self.written.commits.append(header["value"] | {"operations": operations})
        commit = self.hub.repos[repo].push(files)
        if self.written.lose_answers:
            self.written.lose_answers -= 1
            self.hang_up(reset=False)
            return
        self.send_json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{repo}/commit/{commit}"})

    def _files(self, asked: Asked, repo: str, rev: str) -> dict[str, bytes]:
        """Those of the repository now, if the token may write to it."""
        if repo not in self.hub.repos:
            raise Refused(HTTPStatus.NOT_FOUND, "RepoNotFound", "Repository not found")
        self._may_write(asked, repo.partition("/")[0])
        found = self.hub.repos[repo]
        return dict(found.commits[found.branches[rev]])

    def _answer_json(self, status: HTTPStatus, content: object) -> None:
        self.send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})
