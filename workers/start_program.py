"""Starts the program of a run in a session of its own: as a fork of the warm process, else as a new interpreter."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

from workers.warm.start import warm_parent

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {"GRAFT_SUPERVISED": "1", "PYTHONUNBUFFERED": "1"}


class Program(Protocol):
    """A running child, as the supervisor uses it; its process id is that of its group too."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None
    returncode: int | None

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end; raises `subprocess.TimeoutExpired`."""

    def terminate(self) -> None:
        """Ask it to end."""

    def close(self) -> None:
        """Let go of it, when it has ended."""


class NewInterpreter(subprocess.Popen[bytes]):
    """A child that was started from nothing."""

    def close(self) -> None:
        """Nothing is held."""


def start_program(module: str, run_folder: Path, secrets: Mapping[str, str] | None = None) -> Program:
    """Start `python -m MODULE RUN_FOLDER`, with pipes to its three streams; `secrets` are variables for it alone."""
    environment = {**os.environ, **ENVIRONMENT, **(secrets or {})}
    if program := warm_parent.start(module, run_folder, environment):
        return program
    return NewInterpreter(
        [sys.executable, "-m", module, str(run_folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
