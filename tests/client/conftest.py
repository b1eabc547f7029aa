"""A live Graft, a client of it, and the command line with a config folder of its own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.models import AdapterVersion, BaseRevision
from finetune_app.environment import named_places
from graft import Client
from graft.cli import app
from tests.adapters.makers import make_version, write_adapter
from tests.cast import Cast, make_cast
from tests.served import served
from tests.tiny_base import register_tiny_base


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the person who runs the tests is read or written, and no proxy stands before this machine."""
    for name in ("GRAFT_URL", "GRAFT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GRAFT_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def server(people: Cast) -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
def client(server: str, people: Cast) -> Iterator[Client]:
    """The editor's."""
    with Client(server, people.token(people.editor)) as made:
        yield made


@pytest.fixture
def base(people: Cast) -> BaseRevision:
    return register_tiny_base(people.team)


@pytest.fixture
def version(base: BaseRevision, tmp_path: Path) -> AdapterVersion:
    """`adder@1`, of about five megabytes, so that it comes in many pieces."""
    return make_version(base, write_adapter(tmp_path / "made", rank=80_000))


@pytest.fixture
def share(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """`share(folder)`: the server and its workers may import from it, as `models`."""

    def named(folder: Path) -> None:
        text = f"models={folder.as_uri()}"
        settings.IMPORT_SOURCES = named_places(text)
        monkeypatch.setenv("GRAFT_IMPORT_SOURCES", text)

    return named


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def graft(server: str, people: Cast, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """`graft("jobs", "list")`: the command line as the editor, with output that is no terminal."""
    monkeypatch.setenv("GRAFT_URL", server)
    monkeypatch.setenv("GRAFT_TOKEN", people.token(people.editor))
    return run


@pytest.fixture
def bare_graft() -> Callable[..., Said]:
    """The same, logged in to nothing."""
    return run


def run(*arguments: object, stdin: str | None = None) -> Said:
    done = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)
