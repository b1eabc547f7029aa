"""Pushes to the hub, by its real library to a server that speaks the protocol: one commit with all files, or none."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import pytest

from tests.hub_server import Hub, Repo, repo
from tests.hub_write_server import ATTRIBUTES, Written, serve_writable_hub
from workers.hub_sender.spec import FileToSend, HubSendSpec
from workers.start_program import ROOT

WRITER, READER = "hf_writer", "hf_reader"
PROVENANCE = "graft_merge.json"
CARD = "---\nlibrary_name: transformers\n---\n# support\n"


@dataclass
class Pusher:
    """The process, and the server that it pushes to."""

    hub: Hub
    written: Written
    stdin: IO[str]
    stdout: IO[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def push(self, order: "Order", token: str = WRITER) -> dict[str, Any]:
        """What came of it."""
        self.events.clear()
        self.stdin.write(json.dumps({"folder": str(order.folder), "token": token}) + "\n")
        self.stdin.flush()
        for line in self.stdout:
            said = json.loads(line)
            if said["type"] == "answer":
                return dict(said)
            self.events.append(said)
        raise AssertionError("the process ended")

    def refused(self, order: "Order", token: str = WRITER) -> str:
        """The sentence with which it is refused."""
        said = self.push(order, token)
        assert said.get("cause") == "sending_refused", said
        assert token not in said["refused"]
        return str(said["refused"])

    def files(self, name: str) -> dict[str, bytes]:
        """Those of the repository as they are now."""
        found = self.hub.repos[name]
        return dict(found.commits[found.branches["main"]])


@dataclass
class Order:
    """A run folder with files to send."""

    folder: Path
    repository: str
    contents: dict[str, bytes]

    def save(self, **changes: Any) -> "Order":
        """Write the order and its files."""
        (self.folder / "files").mkdir(parents=True, exist_ok=True)
        for path, content in self.contents.items():
            (self.folder / "files" / path).parent.mkdir(exist_ok=True)
            (self.folder / "files" / path).write_bytes(content)
        spec = HubSendSpec(
            repository=self.repository,
            private=True,
            folder=Path("files"),
            files=[
                FileToSend(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())
                for path, content in self.contents.items()
            ],
            provenance=PROVENANCE,
            card=CARD,
            message="support@1 merged into tiny@1",
            description="Proof: 0123",
        )
        spec.model_copy(update=changes).save(self.folder)
        return self


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pusher]:
    home = tmp_path_factory.mktemp("hub_push")
    secret = repo({"config.json": b"{}"}, token=READER, kind="model")
    with serve_writable_hub(WRITER, owner="acme", repos={"others/secret": secret}) as (hub, written):
        env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        # A token that the workers have for imports; everything but the hub would be reached through the proxy.
        settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_TOKEN": READER, "HTTPS_PROXY": hub.url}
        with subprocess.Popen(
            [sys.executable, "-m", "tests.workers.programs.hub_push", str(home / "cache")],
            cwd=ROOT,
            env=env | settings,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as program:
            assert program.stdin
            assert program.stdout
            yield Pusher(hub, written, program.stdin, program.stdout)
            program.stdin.close()
            assert program.wait(timeout=30) == 0


@pytest.fixture
def pusher(process: Pusher) -> Pusher:
    """The process with a server that does what it should, and has nothing."""
    process.written.__init__(dict(process.written.owners))  # type: ignore[misc]
    for name in [name for name in process.hub.repos if name.startswith("acme/")]:
        del process.hub.repos[name]
    process.hub.asked.clear()
    return process


def merged(version: int = 1, **more: bytes) -> dict[str, bytes]:
    """The files of a merged model, which say what they are as Graft writes it."""
    weights = {f"model-{place}.safetensors": bytes([0, version, place]) * 100_000 for place in range(1, version + 2)}
    files = weights | {"config.json": b'{"version": %d}' % version, "templates/chat.jinja": b"{{ messages }}"} | more
    provenance = json.dumps({"version": version, "files": [{"path": path} for path in files]}).encode()
    return files | {"SHA256SUMS": b"sums of %d" % version, PROVENANCE: provenance}


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(tmp_path / "run", "acme/support", merged()).save()


def test_all_files_come_with_one_commit_that_says_what_they_are(pusher, order):
    facts = pusher.push(order)["facts"]
    files = pusher.files("acme/support")
    assert files == order.contents | {".gitattributes": ATTRIBUTES, "README.md": CARD.encode()}
    [commit] = pusher.written.commits
    assert (commit["summary"], commit["description"]) == ("support@1 merged into tiny@1", "Proof: 0123")
    assert facts == {
        "repository": "acme/support",
        "commit": pusher.hub.repos["acme/support"].branches["main"],
        "url": f"{pusher.hub.url}/acme/support/tree/{facts['commit']}",
        "files": len(order.contents),
        "size": sum(map(len, order.contents.values())),
        "is_new": True,
    }
    assert pusher.written.private == ["acme/support"]


def test_only_the_workspaces_token_is_sent_and_only_to_the_hub(pusher, order):
    pusher.push(order)
    assert {asked.token for asked in pusher.hub.asked} == {WRITER, ""}
    assert all(asked.path.startswith("/lfs/") for asked in pusher.hub.asked if not asked.token)
    assert pusher.hub.asked_as_proxy == []


def test_a_public_repository_where_that_was_asked_for(pusher, order):
    order.save(private=False)
    assert pusher.push(order)["facts"]["is_new"]
    assert pusher.written.private == []


def test_progress_counts_the_bytes_that_are_sent(pusher, order):
    pusher.push(order)
    told = [(event["done"], event["total"]) for event in pusher.events if event["type"] == "phase"]
    total = sum(map(len, order.contents.values()))
    large = sum(len(content) for path, content in order.contents.items() if path.endswith(".safetensors"))
    assert {total for _, total in told} == {total}
    assert told[-1][0] in range(1, total + 1)
    assert max(done for done, _ in told) <= large or told[-1] == (total, total)


def test_the_same_once_more_makes_no_commit_and_sends_nothing(pusher, order):
    first = pusher.push(order)["facts"]
    uploads = len(pusher.written.uploads)
    again = pusher.push(order)["facts"]
    assert again == first | {"is_new": False}
    assert (len(pusher.written.commits), len(pusher.written.uploads)) == (1, uploads)


def test_a_later_merged_model_takes_the_place_of_the_one_before_and_nothing_of_it_stays(pusher, order, tmp_path):
    later = Order(tmp_path / "later", "acme/support", merged(2)).save()
    pusher.push(later)
    pusher.hub.repos["acme/support"].push(pusher.files("acme/support") | {"README.md": b"mine", "plot.png": b"mine"})
    pusher.push(order)
    files = pusher.files("acme/support")
    assert "model-3.safetensors" not in files
    assert files == order.contents | {".gitattributes": ATTRIBUTES, "README.md": b"mine", "plot.png": b"mine"}
    assert len(pusher.written.commits) == 2


def test_a_repository_that_somebody_made_empty_is_fine(pusher, order):
    made = Repo({}, {}, kind="model")
    made.push({"README.md": b"hello"})
    pusher.hub.repos["acme/support"] = made
    pusher.push(order)
    assert pusher.files("acme/support") == order.contents | {"README.md": b"hello"}


@pytest.mark.parametrize("there", [{"model.safetensors": b"theirs"}, {PROVENANCE: b"[]", "config.json": b"{}"}])
def test_a_repository_with_something_else_is_refused_and_stays(pusher, order, there):
    pusher.hub.repos["acme/support"] = repo(there, kind="model")
    assert "Choose another name" in pusher.refused(order)
    assert pusher.files("acme/support") == there
    assert pusher.written.uploads == []


def test_a_large_file_comes_in_parts_where_the_hub_wants_that(pusher, order):
    pusher.written.part_bytes = 140_000
    pusher.push(order)
    assert any(path.endswith("/00003") for path in pusher.written.uploads)
    assert pusher.files("acme/support").items() >= order.contents.items()


def test_an_upload_that_breaks_off_is_sent_again(pusher, order):
    pusher.written.drop_uploads = 1
    pusher.push(order)
    assert len(pusher.written.uploads) == 3
    assert pusher.files("acme/support").items() >= order.contents.items()


def test_a_commit_whose_answer_was_lost_is_found_and_not_made_twice(pusher, order):
    pusher.written.lose_answers = 1
    facts = pusher.push(order)["facts"]
    assert facts["commit"] == pusher.hub.repos["acme/support"].branches["main"]
    assert len(pusher.written.commits) == 1


def test_a_token_that_the_hub_does_not_know(pusher, order):
    words = pusher.refused(order, "hf_of-nobody")
    assert "does not know the workspace's token" in words
    assert "Settings, Hub token" in words
    assert "acme/support" not in pusher.hub.repos


def test_a_token_that_may_not_write_there(pusher, order):
    words = pusher.refused(order, READER)
    assert "may not write to acme/support" in words
    assert "don't have the rights" in words
    assert pusher.hub.repos.keys() == {"others/secret"}


def test_a_repository_of_others_is_not_written_to(pusher, order):
    order.save(repository="others/secret")
    assert "may not write to others/secret" in pusher.refused(order)
    assert pusher.files("others/secret") == {"config.json": b"{}"}


@pytest.mark.parametrize("name", ["support", "acme/support/v1", "acme/../x", "acme/sup port"])
def test_a_name_that_is_none(pusher, order, name):
    order.save(repository=name)
    assert "Write owner/name" in pusher.refused(order)


def test_an_account_without_room(pusher, order):
    pusher.written.room = 200_000
    assert "Private storage limit reached" in pusher.refused(order)
    assert pusher.written.commits == []


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (HTTPStatus.FORBIDDEN, "Private repository storage limit reached", "Private repository storage limit reached"),
        (HTTPStatus.PAYMENT_REQUIRED, "Upgrade", "no room left"),
        (HTTPStatus.BAD_REQUEST, "A file is odd", "A file is odd"),
        (HTTPStatus.BAD_GATEWAY, "", "does not answer as it should"),
    ],
)
def test_a_commit_that_the_hub_refuses_is_said_in_its_own_words_and_nothing_appears(pusher, order, status, said, words):
    pusher.written.refuse = (status, said)
    assert words in pusher.refused(order)
    assert pusher.files("acme/support") == {".gitattributes": ATTRIBUTES}


def test_somebody_who_pushes_at_the_same_time_is_not_overwritten(pusher, order):
    def meanwhile() -> None:
        pusher.hub.repos["acme/support"].push({"theirs.txt": b"theirs"})

    pusher.written.before_commit = meanwhile
    assert "at the same time" in pusher.refused(order)
    assert pusher.files("acme/support") == {"theirs.txt": b"theirs"}
