"""How far a child is in a phase, told not more often than people can read."""

import time

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, stop_if_asked

TELL_SECONDS = 0.4


class Progress:
    """Counts what is done of `total`; also the place where a child that was told to stop ends."""

    def __init__(self, phase: Phase, total: int) -> None:
        self._phase = phase
        self._told = -1
        self._told_at = 0.0
        self.total = total
        self.done = 0

    def add(self, count: int = 1) -> None:
        """So much more is done."""
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """So much is done by now; the first time, the end and what lies well apart are told."""
        stop_if_asked()
        self.done = done
        is_due = done == self.total or time.monotonic() - self._told_at >= TELL_SECONDS
        if is_due and done != self._told:
            self._told, self._told_at = done, time.monotonic()
            emit(PhaseEvent(phase=self._phase, done=done, total=self.total))
