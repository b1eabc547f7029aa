"""Makes one child program the processes of a run on several GPUs, all in its own session.

torchrun, and accelerate over it, give each process a session of its own, where a kill of the child's group does not
reach it, and import everything anew in each; accelerate starts several processes on a CPU through MPI only. Here they
are forks, made before anything computes: what a warm process has imported is there at once. They find the variables
that torchrun would set.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pydantic import ValidationError

from workers.child import STOPPED
from workers.ranks import LOCAL_RANK, LOCAL_WORLD_SIZE, MEETING_PLACE, RANK, WORLD_SIZE
from workers.spec import RunSpec

GRACE_SECONDS = 5.0  # less than the supervisor's, which would kill this process too
LOOK_SECONDS = 0.05
PR_SET_PDEATHSIG = 1


def launch_ranks() -> None:
    """Return in each process of the run named on the command line; the one that was started watches over them.

    A run of one process, or one whose order cannot be read (the program itself says so), just goes on.
    """
    try:
        folder = Path(sys.argv[1]).resolve()
        processes = RunSpec.load(folder).processes
    except (IndexError, OSError, ValidationError):
        return
    if processes == 1 or RANK in os.environ:
        return
    (folder / MEETING_PLACE).unlink(missing_ok=True)
    launcher, pids = os.getpid(), []
    for rank in range(processes):
        if (pid := os.fork()) == 0:
            _begin(rank, processes, launcher)
            return
        pids.append(pid)
    _watch(pids)


def _begin(rank: int, processes: int, launcher: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != launcher:  # it died in between
        os._exit(128 + signal.SIGTERM)
    for name, value in {RANK: rank, LOCAL_RANK: rank, WORLD_SIZE: processes, LOCAL_WORLD_SIZE: processes}.items():
        os.environ[name] = str(value)


def _watch(pids: list[int]) -> NoReturn:
    """Wait for all; when one fails, end the others, and end as it did."""
    running, how, deadline = set(pids), 0, float("inf")

    def stop(_signal: int, _frame: FrameType | None) -> None:
        _signal_all(running, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            if time.monotonic() > deadline:
                _signal_all(running, signal.SIGKILL)
            time.sleep(LOOK_SECONDS)
            continue
        running.discard(pid)
        if status and not how:
            how = status
            if os.waitstatus_to_exitcode(status) != STOPPED:  # else all were told, and may take their time
                deadline = time.monotonic() + GRACE_SECONDS
                _signal_all(running, signal.SIGTERM)
    if os.WIFSIGNALED(how):  # so that whoever watches this process sees what happened to the other
        number = os.WTERMSIG(how)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(how))


def _signal_all(pids: set[int], number: int) -> None:
    for pid in tuple(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
