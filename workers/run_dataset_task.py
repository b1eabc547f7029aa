"""One dataset task from claim to end: prepare, run its child, keep what it found. It always ends with a state."""

import errno
import logging
import shutil
import time
from pathlib import Path

from django.conf import settings

from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.services import run_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import UserError, WorkOver
from finetune_app.jobs.causes import SENTENCES, Cause
from finetune_app.jobs.events import ErrorEvent, Event, LogEvent, PhaseEvent
from finetune_app.storage import blobs
from workers.dataset_tasks.registry import PROGRAMS
from workers.pulse import Pulse
from workers.supervise import run_child

log = logging.getLogger(__name__)
TELL_SECONDS = 0.8  # how often progress is written


class TaskListener:
    """Hears what the child says: progress goes into the task, lines into the worker's log."""

    def __init__(self, task: DatasetTask) -> None:
        self._task = task
        self._progress: tuple[int, int] | None = None
        self._told_at = 0.0

    def say(self, event: Event) -> None:
        """Take an event; only the newest progress counts."""
        match event:
            case PhaseEvent(done=done, total=total):
                self._progress = (done, total)
            case LogEvent(level=level, text=text):
                log.log(logging.INFO if level == "info" else logging.WARNING, "%s: %s", self._task, text)
            case _:
                pass

    def log(self, text: str) -> None:
        """Take one line for people."""
        self.say(LogEvent(text=text))

    def flush(self) -> None:
        """Write the progress, not more often than people can read.

        Raises:
            WorkOver: somebody else took the task.
        """
        if self._progress is None or time.monotonic() - self._told_at < TELL_SECONDS:
            return
        (done, total), self._progress = self._progress, None
        self._told_at = time.monotonic()
        run_task.beat(self._task, done=done, total=total)


def run_dataset_task(task: DatasetTask) -> None:
    """Carry the task through and end it."""
    folder: Path = settings.WORK_FOLDER / "tasks" / f"task-{task.pk}-{task.tries}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        _run(task, folder)
    except WorkOver:
        log.warning("%s was ended by somebody else; its result is dropped.", task)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong must end the task with a reason
        _end_badly(task, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(task: DatasetTask, folder: Path) -> None:
    program = PROGRAMS[TaskKind(task.kind)]
    with Pulse(lambda: _alive(task)) as pulse:
        program.prepare(task, folder)
        outcome = run_child(program.module, folder, TaskListener(task), pulse)
        if outcome.stopped:
            run_task.give_back(task)
            return
        if outcome.error or outcome.done is None:
            _refuse(task, outcome.error or ErrorEvent(code=Cause.CRASHED))
            return
        run_task.succeed(task, program.keep(task, folder, outcome.done.facts))


def _alive(task: DatasetTask) -> bool:
    run_task.beat(task)
    return False  # a task is not cancelled: it ends by itself soon, or goes with its version


def _refuse(task: DatasetTask, error: ErrorEvent) -> None:
    run_task.fail(task, error.code.value, f"{SENTENCES[error.code]} {error.detail}".strip())


def _end_badly(task: DatasetTask, error: Exception) -> None:
    try:
        match error:
            case UserError():
                run_task.fail(task, error.code, error.message)
            case blobs.BlobMissing() | blobs.BlobDamaged():
                run_task.fail(task, Cause.FILES_MISSING.value, f"{SENTENCES[Cause.FILES_MISSING]} Blob {error}.")
            case OSError(errno=errno.ENOSPC):
                run_task.fail(task, Cause.DISK_FULL.value, SENTENCES[Cause.DISK_FULL])
            case _:
                log.error("%s failed", task, exc_info=error)
                run_task.fail(task, Cause.CRASHED.value, f"{SENTENCES[Cause.CRASHED]} {type(error).__name__}: {error}")
    except WorkOver:
        log.warning("%s was ended by somebody else.", task)
