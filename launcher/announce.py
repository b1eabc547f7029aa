"""Waits until the web process answers, then prints the address that signs the first user in."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from launcher.health import is_ready
from launcher.home import Home
from launcher.plan import ROOT

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60.0


class Announcement:
    """Prints the address once Graft is ready.

    Args:
        host: where the web process listens.
        port: its port.
        environment: the variables of the processes.
        home: named in what is printed.
        began: `time.monotonic()` at the start of the launcher.
    """

    def __init__(self, *, host: str, port: int, environment: dict[str, str], home: Home, began: float) -> None:
        self._host = host
        self._port = port
        self._environment = environment
        self._home = home
        self._began = began
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._announce, daemon=True)

    def start(self) -> None:
        """Begin to wait, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Say nothing any more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _announce(self) -> None:
        link = subprocess.Popen(  # beside the web process, which takes as long to start
            [sys.executable, "manage.py", "sign_in_link"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        ready = self._wait_until_ready()
        address, problem = link.communicate()
        if not ready or self._stop.is_set():
            return
        if link.returncode:
            print(f"Graft is ready, but no sign-in address could be made: {problem.strip()}", flush=True)
            return
        print(_block(address.strip(), self._home.root, time.monotonic() - self._began), flush=True)

    def _wait_until_ready(self) -> bool:
        patience = time.monotonic() + PATIENCE_SECONDS
        while not self._stop.wait(POLL_SECONDS):
            if is_ready(self._host, self._port):
                return True
            if time.monotonic() > patience:
                patience = float("inf")
                print(f"Graft is not ready yet; see the logs in {self._home.logs}.", flush=True)
        return False


def _block(address: str, home: Path, seconds: float) -> str:
    return f"""
  Graft is ready ({seconds:.0f} s).

    Open   {address}
    Data   {home}
    Stop   Ctrl-C
"""
