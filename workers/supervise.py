"""Runs one child program of an attempt or a task: starts it, relays its lines, and stops it when asked.

The child computes, this side writes. It runs in a session of its own, so that a signal for the worker does not reach
it by accident; its standard input is a pipe that closes when the worker dies, and then it ends by itself.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import DoneEvent, ErrorEvent, Event, LogEvent, parse_line
from workers.pulse import Pulse, Stop
from workers.start_program import start_program

LOOK_SECONDS = 0.4  # how often lines are kept and sent: below what a person notices
GRACE_SECONDS = 8.0  # between asking a child to stop and killing it
PAUSE_GRACE_SECONDS = 120.0
LINE_LIMIT = 20_000  # characters of one line that are kept


@dataclass
class Outcome:
    """How a child ended: `done` on success, `stopped` when it was stopped, else `error`."""

    done: DoneEvent | None = None
    error: ErrorEvent | None = None
    stopped: Stop | None = None


class Listener(Protocol):
    """Who hears what a child says; `say` is called from any thread, `flush` from the supervising one."""

    def say(self, event: Event) -> None:
        """Take an event."""

    def log(self, text: str) -> None:
        """Take one line for people."""

    def flush(self) -> None:
        """Keep all that was said; raises `WorkOver` when somebody else ended the work."""


Look = Callable[[], ErrorEvent | None]
"""Says what forbids the child to go on, such as `BaseGuard.look`; asked every now and then, so it must not wait."""


def run_child(
    module: str,
    run_folder: Path,
    relay: Listener,
    pulse: Pulse,
    look: Look | None = None,
    *,
    secrets: Mapping[str, str] | None = None,
) -> Outcome:
    """Run `python -m MODULE RUN_FOLDER` until it ends, or `look` finds an error; `secrets` are variables for it alone.

    Raises:
        WorkOver: somebody else ended the work; the child is killed first.
    """
    child = _Child(module, run_folder, relay, pulse, look, secrets)
    try:
        return child.watch()
    finally:
        child.close()


@dataclass
class _Child:
    module: str
    run_folder: Path
    relay: Listener
    pulse: Pulse
    look: Look | None = None
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        self.process = start_program(self.module, self.run_folder, self.secrets)
        streams = [(self.process.stdout, True), (self.process.stderr, False)]
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams]
        for reader in self.readers:
            reader.start()

    def watch(self) -> Outcome:
        """Relay until the child has ended and its last line is kept."""
        stopped_at = 0.0
        while self._runs_for(LOOK_SECONDS):
            self.relay.flush()
            if self.look and self.outcome.stopped is None and (error := self.look()):
                self._take(error)  # before the child says what it makes of its end
                self.kill()
                break
            if self.outcome.stopped is None and (why := self.pulse.asked_to_stop()):
                self.outcome.stopped = why
                stopped_at = time.monotonic()
                self.relay.log(f"Stopping the process ({why.value}).")
                self.process.terminate()
            if stopped_at and time.monotonic() - stopped_at > self._grace_seconds():
                self.kill()
        for reader in self.readers:
            reader.join(timeout=5)
        self._judge()
        self.relay.flush()
        return self.outcome

    def _grace_seconds(self) -> float:
        """A pause has time for a long step and its checkpoint, as long as nobody is in a hurry."""
        return PAUSE_GRACE_SECONDS if self.pulse.is_only_to_pause else GRACE_SECONDS

    def _runs_for(self, seconds: float) -> bool:
        """Whether the child still runs after so long; a shorter one is not waited for."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> None:
        """End the child and whatever it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Leave nothing behind: no process of the child's group, no open pipe."""
        self.kill()
        for reader in self.readers:
            reader.join(timeout=5)
        if self.process.stdin:
            self.process.stdin.close()
        self.process.close()

    def _read(self, stream: IO[bytes], speaks_events: bool) -> None:
        """One thread per pipe: a child that fills a pipe that nobody reads would stand still."""
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                if line.strip():
                    self._take(parse_line(line) if speaks_events else LogEvent(text=line))

    def _take(self, event: Event) -> None:
        if isinstance(event, LogEvent) and len(event.text) > LINE_LIMIT:
            event = event.model_copy(update={"text": event.text[:LINE_LIMIT]})
        if isinstance(event, DoneEvent):
            self.outcome.done = event
        elif isinstance(event, ErrorEvent):
            self.outcome.error = self.outcome.error or event  # of several processes the first knows why
        self.relay.say(event)

    def _judge(self) -> None:
        """Turn exit codes without words into an outcome."""
        code = self.process.returncode
        if self.outcome.stopped or self.outcome.error or (self.outcome.done and code in (0, None)):
            return
        self.outcome.done = None
        if code is None:
            detail = "The process that had started it ended first, so its exit code is not known."
            self.outcome.error = ErrorEvent(code=Cause.CRASHED, detail=detail)
        elif code == -signal.SIGKILL:
            self.outcome.error = ErrorEvent(code=Cause.KILLED)
        elif code < 0:
            self.outcome.error = ErrorEvent(code=Cause.CRASHED, detail=f"It ended by signal {-code}.")
        else:
            self.outcome.error = ErrorEvent(code=Cause.CRASHED, detail=f"Its exit code was {code}.")
        self.relay.say(self.outcome.error)
