"""The worker's side of the warm process: starts it, orders children from it, and does without it when it is gone."""

import atexit
import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import BaseModel

from workers.child import LIBRARY_SETTINGS, OFFLINE
from workers.warm.protocol import PACKET_BYTES, READY, Ended, Order, Started

log = logging.getLogger(__name__)
Packet = TypeVar("Packet", bound=BaseModel)
ROOT = Path(__file__).resolve().parents[2]
MODULES = frozenset({"workers.trainer", "workers.evaluator"})
MOST_FAILURES = 3
ANSWER_SECONDS = 5.0  # a fork takes some milliseconds
SETTINGS = (
    LIBRARY_SETTINGS
    | OFFLINE
    | {
        "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": "1",  # numpy's; its threads would start at import
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # asking whether there is a GPU must not touch it before the fork
    }
)


class WarmProcess:
    """A child that the warm process forked, with what the supervisor uses of a `subprocess.Popen`."""

    def __init__(self, pid: int, streams: tuple[IO[bytes], IO[bytes], IO[bytes]], report: socket.socket) -> None:
        self.pid = pid
        self.stdin: IO[bytes] | None = streams[0]
        self.stdout: IO[bytes] | None = streams[1]
        self.stderr: IO[bytes] | None = streams[2]
        self.returncode: int | None = None
        self._report = report
        self._alive: int | None = None
        with contextlib.suppress(ProcessLookupError):  # it has ended already, and so has the warm process
            self._alive = os.pidfd_open(pid)
        self._ended = False

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end; the exit code, None when the warm process ended first and took it along.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self._ended:
            return self.returncode
        alive: list[Any] = [] if self._alive is None else [self._alive]
        if alive and not select.select([self._report, *alive], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        end = _receive(self._report, Ended)
        if end is None and alive and not select.select(alive, [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        self.returncode = end.code if end else None
        self._ended = True
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        if not self._ended and self._alive is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._alive, signal.SIGTERM)

    def close(self) -> None:
        """Let go of it: its process id may be given to another process from now on."""
        self._report.close()
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None


class WarmParent:
    """The warm process of this worker, and a new one when it died.

    Args:
        modules: the programs that it is asked for.
        preload: the module whose `preload` it calls first.
    """

    def __init__(self, modules: frozenset[str] = MODULES, preload: str = "workers.warm.preload") -> None:
        self._modules = modules
        self._preload = preload
        self._lock = threading.Lock()
        self._wanted = False
        self._ready = False
        self._failures = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, while there is one."""
        return self._process.pid if self._process else None

    def warm_up(self) -> None:
        """Start it; it becomes useful after some seconds, and until then children are started as ever."""
        with self._lock:
            if not self._wanted:
                atexit.register(self.close)
            self._wanted = True
            if self._process is None:
                self._begin()

    def is_ready(self, timeout: float = 0.0) -> bool:
        """Whether it has imported everything; waits for so long until it has."""
        with self._lock:
            return self._is_ready(timeout)

    def start(self, module: str, folder: Path, environment: Mapping[str, str]) -> WarmProcess | None:
        """Run `python -m MODULE FOLDER` as its fork; None when it cannot, and nothing was started then."""
        if not self._wanted or module not in self._modules:
            return None
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._begin_again()
            if not self._is_ready(0.0) or self._control is None:
                return None
            try:
                return _order(self._control, Order(module=module, folder=str(folder), environment=dict(environment)))
            except OSError:
                log.warning("The warm process is gone; a new one is started.", exc_info=True)
                self._begin_again()
                return None

    def close(self) -> None:
        """End it; what it forked ends with the worker, not with it."""
        with self._lock:
            self._wanted = False
            self._end()

    def _begin(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.warm", self._preload],
                cwd=ROOT,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=SETTINGS | os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self._control, self._ready = ours, False

    def _begin_again(self) -> None:
        """Start a new one, unless several in a row ended before they had imported everything."""
        self._failures = 0 if self._is_ready(0.0) else self._failures + 1
        self._end()
        if self._failures < MOST_FAILURES:
            self._begin()
        elif self._failures == MOST_FAILURES:
            log.error("The warm process cannot be had; from now on each run imports everything itself.")

    def _end(self) -> None:
        if self._control:
            self._control.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None
        self._ready = False

    def _is_ready(self, timeout: float) -> bool:
        if not self._ready and self._control and select.select([self._control], [], [], timeout)[0]:
            with contextlib.suppress(OSError):
                self._ready = self._control.recv(len(READY)) == READY
        return self._ready


warm_parent = WarmParent()
"""Of this worker; it does nothing before `warm_up`."""


def _order(control: socket.socket, order: Order) -> WarmProcess:
    """Have it carried out.

    Raises:
        OSError: the warm process is gone; nothing was started.
    """
    (stdin_of_child, stdin), (stdout, stdout_of_child), (stderr, stderr_of_child) = os.pipe(), os.pipe(), os.pipe()
    streams = (os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb"), os.fdopen(stderr, "rb"))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    descriptors = [stdin_of_child, stdout_of_child, stderr_of_child, theirs.fileno()]
    try:
        control.settimeout(ANSWER_SECONDS)
        socket.send_fds(control, [order.model_dump_json().encode()], descriptors)
    except OSError:
        _close_all(ours, *streams)
        raise
    finally:
        theirs.close()
        for descriptor in descriptors[:3]:
            os.close(descriptor)
    started = _receive(ours, Started)
    if started is None:
        _close_all(ours, *streams)  # closing the report ends whatever there is of the child
        raise ConnectionResetError("no child was started")
    return WarmProcess(started.pid, streams, ours)


def _receive(report: socket.socket, kind: type[Packet]) -> Packet | None:
    """The next packet, which comes within milliseconds; None when the warm process is gone, or as good as gone."""
    report.settimeout(ANSWER_SECONDS)
    try:
        body = report.recv(PACKET_BYTES)
    except OSError:
        return None
    return kind.model_validate_json(body) if body else None


def _close_all(*things: IO[bytes] | socket.socket) -> None:
    for thing in things:
        thing.close()
