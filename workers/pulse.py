"""The heartbeat of an attempt or a task: a thread that says “alive” and listens whether somebody asked to stop.

It beats through all phases, so that laying out a large base or registering a large adapter does not look like a lost
worker.
"""

import threading
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection

from finetune_app.errors import WorkOver
from finetune_app.jobs.models import Attempt
from finetune_app.jobs.services.record_events import heartbeat
from finetune_app.jobs.states import JobState

BEAT_SECONDS = 1.5  # also how soon a cancel or a pause is seen


class Stop(StrEnum):
    """Why an attempt is to stop."""

    CANCEL = "cancel"
    PAUSE = "pause"
    SHUTDOWN = "shutdown"


shutting_down = threading.Event()
"""Set when the worker is asked to end; a running child is then stopped and its job goes back to the queue."""


class Pulse:
    """Beats while its `with` block runs.

    Args:
        beat: says “alive” and tells whether and why a person asked for a stop; raises `WorkOver` when somebody else
            ended it.
    """

    def __init__(self, beat: Callable[[], Stop | None]) -> None:
        self._say_alive = beat
        self._over: WorkOver | None = None
        self._asked: Stop | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(timeout=30)

    def asked_to_stop(self) -> Stop | None:
        """Whether and why the attempt is to stop.

        Raises:
            WorkOver: somebody else ended it.
        """
        if self._over:
            raise self._over
        if self._asked:
            return self._asked
        return Stop.SHUTDOWN if shutting_down.is_set() else None

    @property
    def is_only_to_pause(self) -> bool:
        """Whether the attempt is to pause and nothing else is waiting for its end."""
        return self._asked is Stop.PAUSE and not shutting_down.is_set()

    def _beat(self) -> None:
        try:
            while not self._end.wait(BEAT_SECONDS):
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        try:
            self._asked = self._say_alive()
        except WorkOver as over:
            self._over = over
            self._end.set()
        except DatabaseError:
            connection.close()  # a passing fault: the next beat tries a new connection, the sweep allows for a few


def attempt_pulse(attempt: Attempt) -> Pulse:
    """The pulse of an attempt at a job."""
    asks = {JobState.CANCELLING: Stop.CANCEL, JobState.PAUSING: Stop.PAUSE}
    return Pulse(lambda: asks.get(JobState(heartbeat(attempt))))
