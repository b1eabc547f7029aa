"""What this worker has, found without loading torch, and a thread that tells it as long as the worker lives."""

import logging
import os
import platform
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from django.db import DatabaseError, connection

from finetune_app.fleet.capabilities import Capabilities
from finetune_app.fleet.online import SAY_SECONDS
from finetune_app.fleet.services.announce_worker import announce_worker, say_alive, say_gone
from workers.gpus import driver_versions, visible_gpus

log = logging.getLogger(__name__)
LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes")
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
CGROUP_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def capabilities() -> Capabilities:
    """The GPUs that this process may use; without one, the processor."""
    versions = driver_versions() | _library_versions()
    cores = training_threads()
    if gpus := visible_gpus():
        return Capabilities(
            kind="cuda",
            device=gpus[0].name,
            memory_bytes=min(gpu.memory_bytes for gpu in gpus),
            has_bf16=all(gpu.has_bf16 for gpu in gpus),
            cores=cores,
            gpus=len(gpus),
            versions=versions,
        )
    return Capabilities(
        kind="cpu",
        device=f"{platform.machine()} CPU, {cores} threads",
        memory_bytes=machine_memory(),
        has_bf16=bool(BF16_FLAGS & processor_flags()),
        cores=cores,
        versions=versions,
    )


def training_threads() -> int:
    """How many threads torch computes with: OMP_NUM_THREADS, else one for each core that the process may use."""
    chosen = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    allowed = len(os.sched_getaffinity(0))
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


def machine_memory() -> int:
    """The machine's memory, or what the container may have of it."""
    memory = int(psutil.virtual_memory().total)
    for path in CGROUP_MEMORY:
        try:
            limit = Path(path).read_text().strip()
        except OSError:
            continue
        if limit.isdecimal():
            memory = min(memory, int(limit))
    return memory


def processor_flags() -> set[str]:
    """What the processor can do, in Linux's words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


class Announcer:
    """Announces the worker `name` and says that it lives, until it ends; a database that is away is asked again."""

    def __init__(self, name: str, has: Capabilities, *, every: float = SAY_SECONDS) -> None:
        self._name = name
        self._has = has
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_saying, name="announce", daemon=True)

    def start(self) -> None:
        """Announce now, so that the first job is already matched, and go on in a thread."""
        self._say(first=True)
        self._thread.start()

    def end(self) -> None:
        """Let the thread say that the worker ends. Only sets a flag, so that a signal handler may call it."""
        self._over.set()

    def join(self) -> None:
        """Wait until that is said; after `end`."""
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _keep_saying(self) -> None:
        while not self._over.wait(self._every):
            self._say(first=False)
            connection.close()  # it may be gone by the next time
        try:
            say_gone(self._name)
        except DatabaseError:
            log.warning("The database did not take the farewell of %s; it counts as gone in a minute.", self._name)
        connection.close()

    def _say(self, *, first: bool) -> None:
        try:
            if first or not say_alive(self._name):
                announce_worker(self._name, self._has)
        except DatabaseError as error:
            log.warning("The database did not hear that %s lives: %s", self._name, error)


def _library_versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
