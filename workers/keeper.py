"""Stands between the trainer and the relay: what the trainer says of a checkpoint is passed on once it is kept.

Storing takes as long as the network takes, so a thread does it while the lines go on. One checkpoint at a time is
stored and the newest other one waits; what comes in between is dropped, because only the newest is gone on from.
"""

import logging
import shutil
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from django.db import connection

from finetune_app.errors import WorkOver
from finetune_app.jobs.events import CheckpointEvent, Event, LogEvent
from finetune_app.jobs.services.keep_checkpoint import keep_checkpoint
from workers.relay import Relay

log = logging.getLogger(__name__)


class Keeper:
    """A `Listener` whose `with` block ends when the last checkpoint is kept."""

    def __init__(self, relay: Relay, run_folder: Path) -> None:
        self._relay, self._run_folder = relay, run_folder
        self._changed = threading.Condition()
        self._waiting: CheckpointEvent | None = None
        self._over = False
        self._thread = threading.Thread(target=self._keep_all, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.drop() if isinstance(error, WorkOver) else self._end()
        self._thread.join()

    def say(self, event: Event) -> None:
        """Take an event; one of a checkpoint is passed on later."""
        if not isinstance(event, CheckpointEvent):
            self._relay.say(event)
            return
        with self._changed:
            self._remove(self._waiting)
            self._waiting = event
            self._changed.notify()

    def log(self, text: str) -> None:
        """Take one line for people."""
        self._relay.log(text)

    def flush(self) -> None:
        """As the relay's."""
        self._relay.flush()

    def drop(self) -> None:
        """Nobody will go on from here: what waits is not stored any more."""
        with self._changed:
            self._remove(self._waiting)
            self._waiting = None
        self._end()

    def _end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()

    def _keep_all(self) -> None:
        try:
            while (event := self._next()) is not None:
                self._keep(event)
        finally:
            connection.close()

    def _next(self) -> CheckpointEvent | None:
        with self._changed:
            while self._waiting is None and not self._over:
                self._changed.wait()
            event, self._waiting = self._waiting, None
            return event

    def _keep(self, event: CheckpointEvent) -> None:
        try:
            keep_checkpoint(self._relay.attempt, event, self._run_folder / event.folder)
        except WorkOver:
            return  # the supervising thread finds out by itself
        except Exception as error:
            log.exception("The checkpoint at step %s was not kept", event.step)
            text = f"The checkpoint at step {event.step} could not be kept ({error}). The one before counts."
            self._relay.say(LogEvent(level="warning", text=text))
        else:
            self._relay.say(event)
        finally:
            self._remove(event)

    def _remove(self, event: CheckpointEvent | None) -> None:
        if event:
            shutil.rmtree(self._run_folder / event.folder, ignore_errors=True)
