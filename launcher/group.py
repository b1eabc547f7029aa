"""Several processes of one role together, where nothing else is there to start them: the training workers of a machine.

For containers and service managers: what they write goes to this program's own output, a signal ends all of them, and
when one ends by itself the rest is ended too, so that whoever watches over this program starts all of them anew.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from types import FrameType

from launcher.lifeline import with_lifeline
from launcher.plan import ROOT, Planned

GRACE_SECONDS = 55.0  # below the 60 s that a worker is given to hand its job back
LOOK_SECONDS = 0.2


def run_group(planned: Sequence[Planned], variables: Mapping[str, str]) -> int:
    """Run them until a signal comes (0 when all end well) or one ends by itself (1)."""
    stop_wanted = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stop_wanted
        stop_wanted = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    running = {process.name: _start(process, variables) for process in planned}
    while not stop_wanted and all(process.poll() is None for process in running.values()):
        time.sleep(LOOK_SECONDS)
    for name, process in running.items():
        if not stop_wanted and process.poll() is not None:
            print(f"{name} ended by itself with exit code {process.returncode}.", file=sys.stderr)
    return 0 if _end(running.values()) and stop_wanted else 1


def _start(process: Planned, variables: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C reaches this program alone, which ends each of them once.
    return subprocess.Popen(
        with_lifeline([sys.executable, *process.command]),
        cwd=ROOT,
        env={**variables, **process.variables},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end(processes: "Collection[subprocess.Popen[bytes]]") -> bool:
    """Ask them to end, and be firm after a while; whether all ended well."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return all(process.returncode == 0 for process in processes)
