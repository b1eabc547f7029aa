"""Which processes make up Graft on one machine, and the command and environment of each."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from finetune_app.environment import Environment
from launcher.home import Home
from launcher.lifeline import with_lifeline
from launcher.ports import ANYWHERE, web_address

ROOT = Path(__file__).resolve().parent.parent
NO_SAMPLE_JOB = "--no-sample-job"
STREAM_SECONDS = 3  # how long the web process waits at its end for the event streams of open pages

CELERY = ["-m", "celery", "--app", "finetune_app.celery"]
WORKER = [*CELERY, "worker", "--include", "workers.tasks", "--pool", "threads", "--loglevel", "INFO"]
BEAT = [*CELERY, "beat", "--enable-remote-control", "--loglevel", "INFO"]  # so that `inspect ping` reaches it
ALONE = ["--without-gossip", "--without-mingle"]  # the database is the queue: workers have nothing to tell each other
NODES = {"worker-train": "train@%h", "worker-light": "light@%h", "beat": "beat@%h"}  # Celery's names; %h is the host


@dataclass(frozen=True)
class Planned:
    """One process to run; `command` without the Python that runs it."""

    name: str
    command: list[str]

    @property
    def shell(self) -> str:
        """As honcho wants it. `exec`: no shell stands between, so signals and exit codes are the process's own."""
        return "exec " + shlex.join(with_lifeline([sys.executable, *self.command]))


def plan(environment: Environment, home: Home) -> list[Planned]:
    """The web process, two workers and the clock; Redis is not among them, see `launcher/valkey.py`."""
    return [
        Planned(
            "web",
            [
                *("-m", "uvicorn", "finetune_app.asgi:application"),
                *("--host", environment.host, "--port", str(environment.port)),
                *("--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--no-access-log"),
                *("--no-server-header", "--timeout-graceful-shutdown", str(STREAM_SECONDS)),
            ],
        ),
        Planned("worker-train", [*WORKER, *ALONE, "-Q", "train", "-c", "1", "-n", NODES["worker-train"]]),
        Planned("worker-light", [*WORKER, *ALONE, "-Q", "light", "-c", "3", "-n", NODES["worker-light"]]),
        Planned("beat", [*BEAT, "-n", NODES["beat"], "--schedule", str(home.run / "beat-schedule")]),
    ]


def process_environment(environment: Environment, redis_url_file: Path | None) -> dict[str, str]:
    """The variables for every process: those of the caller, and the embedded Redis where there is one."""
    variables = dict(os.environ)
    variables["GRAFT_HOME"] = str(environment.graft_home)
    variables["PORT"] = str(environment.port)
    variables["HOST"] = environment.host
    variables["PYTHONUNBUFFERED"] = "1"
    # Request bodies and uploads pass through files; the system's folder for them may be small, or even memory.
    variables["TMPDIR"] = str(environment.graft_home / "tmp")
    if environment.host in ANYWHERE:  # no browser can open that; the sign-in address needs a real one
        variables.setdefault("GRAFT_BASE_URL", web_address(environment.host, environment.port))
    if redis_url_file is not None:
        variables.pop("REDIS_URL", None)
        variables["REDIS_URL_FILE"] = str(redis_url_file)
    return variables
