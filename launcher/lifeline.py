"""No process outlives the launcher, not even when it is killed outright: on Linux the kernel sees to it.

Ctrl-C and SIGTERM do not need this: then the launcher stops its processes itself.
"""

import ctypes
import os
import shutil
import signal
import sys

PR_SET_PDEATHSIG = 1


def with_lifeline(command: list[str]) -> list[str]:
    """`command` such that it gets SIGTERM when the process that started it dies."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command


def tie_forks() -> None:
    """From now on a fork of this process dies with it; honcho forks once for each process that it watches."""
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def die_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), signal.SIGKILL)

    os.register_at_fork(after_in_child=die_with_parent)
