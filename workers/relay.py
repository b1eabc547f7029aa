"""Numbers what an attempt says and hands it on in small batches, so that a chatty child does not drown the database."""

import threading
import time

from finetune_app.jobs.events import Event, LogEvent, Record
from finetune_app.jobs.models import Attempt
from finetune_app.jobs.services.record_events import record_events

FLUSH_LINES = 500


class Relay:
    """The only writer of an attempt's lines. `say` may be called from any thread; `flush` from the supervising one."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, Event]] = []

    def say(self, event: Event) -> None:
        """Take an event; it is kept with the next flush."""
        with self._lock:
            self._waiting.append((time.time(), event))

    def log(self, text: str) -> None:
        """Take one line for people."""
        self.say(LogEvent(text=text))

    def flush(self) -> None:
        """Keep and send all that waits.

        Raises:
            AttemptOver: somebody else ended the attempt.
        """
        while True:
            with self._lock:
                batch, self._waiting = self._waiting[:FLUSH_LINES], self._waiting[FLUSH_LINES:]
            if not batch:
                return
            first = self.attempt.last_number + 1
            record_events(
                self.attempt,
                [
                    Record(attempt=self.attempt.number, number=first + index, time=moment, event=event)
                    for index, (moment, event) in enumerate(batch)
                ],
            )
