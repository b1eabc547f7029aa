"""Graft under uvicorn, and the hub's own library that reads from it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from huggingface_hub import HfApi, constants
from huggingface_hub.utils import disable_progress_bars

from adapters.models import AdapterVersion, BaseRevision
from finetune_app.asgi import application
from tests.adapters.makers import make_version
from tests.adapters.peft_adapters import peft_adapter
from tests.cast import Cast, make_cast
from tests.storage.fixtures import s3_endpoint, storage
from tests.tiny_base import register_tiny_base
from workers.start_program import ROOT

__all__ = ["s3_endpoint", "storage"]

SECONDS = 120


@dataclass
class Server:
    """Its address, and the requests that it got, as `GET /api/…`."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    """A running Graft."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        running.asked.append(f"{scope['method']} {scope['path']}")
        await application(scope, receive, send)

    served = uvicorn.Server(uvicorn.Config(noting, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=served.run, kwargs={"sockets": [listener]})
    thread.start()
    while not served.started:
        time.sleep(0.01)
    yield running
    served.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def base(people: Cast) -> BaseRevision:
    """`tiny`, revision 1."""
    return register_tiny_base(people.team)


@pytest.fixture
def version(people: Cast, base: BaseRevision) -> AdapterVersion:
    """`adder`, version 1, made by peft."""
    return make_version(base, peft_adapter(), user=people.editor)


@pytest.fixture
def hub_of(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], HfApi]:
    """`hub_of(token)`: the hub's own library, which reads from this Graft, with a cache of the test's own."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    disable_progress_bars()

    # Without a token it would look for one in the home folder.
    return lambda token: HfApi(endpoint=server.url, token=token or False)


@pytest.fixture
def run_program(server: Server, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """`run_program(token, "load", …)`: what a person's program prints whose only settings are endpoint and token."""

    def run(token: str, program: str, *arguments: str) -> dict[str, Any]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        env |= {"HF_ENDPOINT": server.url, "HF_TOKEN": token, "HF_HOME": str(tmp_path / "hf")}
        ended = subprocess.run(
            [sys.executable, "-m", f"tests.hub.programs.{program}", *arguments],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    return run
