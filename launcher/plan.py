"""Which processes make up Graft on one machine, and the command and environment of each."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from finetune_app.environment import Environment
from launcher.home import Home
from launcher.lifeline import with_lifeline
from launcher.ports import ANYWHERE, web_address
from workers.gpus import Gpu, all_gpus, visible_gpus

ROOT = Path(__file__).resolve().parent.parent
NO_SAMPLE_JOB = "--no-sample-job"
HTTP = "finetune_app.web.zero_copy:Protocol"  # uvicorn's own over httptools, with files sent by the kernel
STREAM_SECONDS = 3  # how long the web process waits at its end for the event streams of open pages

CELERY = ["-m", "celery", "--app", "finetune_app.celery"]
WORKER = [*CELERY, "worker", "--include", "workers.tasks", "--pool", "threads", "--loglevel", "INFO"]
BEAT = [*CELERY, "beat", "--enable-remote-control", "--loglevel", "INFO"]  # so that `inspect ping` reaches it
ALONE = ["--without-gossip", "--without-mingle"]  # the database is the queue: workers have nothing to tell each other
NODES = {"worker-train": "train@%h", "worker-light": "light@%h", "beat": "beat@%h"}  # Celery's names; %h is the host
TRAIN = "worker-train"


@dataclass(frozen=True)
class Planned:
    """One process to run.

    Attributes:
        name: of the process, and of its log.
        command: without the Python that runs it.
        node: its Celery name; "" for one that has none.
        variables: what it gets beside the variables of all.
    """

    name: str
    command: list[str]
    node: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def shell(self) -> str:
        """As honcho wants it. `exec`: no shell stands between, so signals and exit codes are the process's own."""
        return "exec " + shlex.join(with_lifeline([sys.executable, *self.command]))


def plan(environment: Environment, home: Home) -> list[Planned]:
    """The web process, the workers and the clock; Redis is not among them, see `launcher/valkey.py`."""
    return [
        Planned(
            "web",
            [
                *("-m", "uvicorn", "finetune_app.asgi:application"),
                *("--host", environment.host, "--port", str(environment.port)),
                *("--loop", "uvloop", "--http", HTTP, "--lifespan", "off", "--no-access-log"),
                *("--no-server-header", "--timeout-graceful-shutdown", str(STREAM_SECONDS)),
            ],
        ),
        *training_workers(visible_gpus(), environment.graft_gpus_per_worker, of_machine=len(all_gpus())),
        _worker("worker-light", NODES["worker-light"], "light", threads=3),
        Planned("beat", [*BEAT, "-n", NODES["beat"], "--schedule", str(home.run / "beat-schedule")], NODES["beat"]),
    ]


def training_workers(gpus: Sequence[Gpu], per_worker: int, *, of_machine: int) -> list[Planned]:
    """One worker for every `per_worker` of the GPUs that may be used, each with its own; else one for the processor.

    A worker of a machine with several GPUs is named after the first that it holds. So its name, which is unique in the
    broker, is the same at the next start, and two starts that each use some of the GPUs do not meet.
    """
    if not gpus:
        return [_worker(TRAIN, NODES[TRAIN], "train", threads=1)]
    groups = [gpus[first : first + per_worker] for first in range(0, len(gpus), per_worker)]
    planned = []
    for group in groups:
        # By UUID: CUDA may count GPUs in another order than the driver does.
        variables = {"CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in group)}
        if len(groups) > 1 and "OMP_NUM_THREADS" not in os.environ:
            variables["OMP_NUM_THREADS"] = str(max(1, len(os.sched_getaffinity(0)) // len(groups)))
        suffix = f"-gpu{group[0].index}" if of_machine > 1 else ""
        node = NODES[TRAIN].replace("@", f"{suffix}@")
        planned.append(_worker(f"{TRAIN}{suffix}", node, "train", threads=1, variables=variables))
    return planned


def planned_for(role: str, processes: Sequence[Planned]) -> list[Planned]:
    """The process of that name; for `worker-train` all training workers of this machine."""
    return [process for process in processes if process.name == role or _is_training(process, role)]


def _is_training(process: Planned, role: str) -> bool:
    return role == TRAIN and process.name.startswith(f"{TRAIN}-")


def _worker(name: str, node: str, queue: str, *, threads: int, variables: dict[str, str] | None = None) -> Planned:
    return Planned(name, [*WORKER, *ALONE, "-Q", queue, "-c", str(threads), "-n", node], node, variables or {})


def process_environment(environment: Environment, redis_url_file: Path | None) -> dict[str, str]:
    """The variables for every process: those of the caller, and the embedded Redis where there is one."""
    variables = dict(os.environ)
    variables["GRAFT_HOME"] = str(environment.graft_home)
    variables["PORT"] = str(environment.port)
    variables["HOST"] = environment.host
    variables["PYTHONUNBUFFERED"] = "1"
    variables.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # GPUs count as the driver and `nvidia-smi` count them
    # Request bodies and uploads pass through files; the system's folder for them may be small, or even memory.
    variables["TMPDIR"] = str(environment.graft_home / "tmp")
    if environment.host in ANYWHERE:  # no browser can open that; the sign-in address needs a real one
        variables.setdefault("GRAFT_BASE_URL", web_address(environment.host, environment.port))
    if redis_url_file is not None:
        variables.pop("REDIS_URL", None)
        variables["REDIS_URL_FILE"] = str(redis_url_file)
    return variables
