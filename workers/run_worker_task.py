"""One task or import from claim to end: prepare, run its child, keep what it found. It ends with a state."""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from finetune_app.errors import UserError, WorkOver
from finetune_app.jobs.causes import TASK_SENTENCES, Cause
from finetune_app.jobs.events import ErrorEvent, Event, LogEvent, PhaseEvent
from finetune_app.merges.models import MergedModel
from finetune_app.storage import blobs, incoming
from finetune_app.work import run_task
from finetune_app.work.run_task import Work
from workers.child import cause_of
from workers.light_tasks import program_of
from workers.prepare_run import forget_base
from workers.pulse import Pulse
from workers.supervise import run_child
from workers.task_program import InWorkerProgram

log = logging.getLogger(__name__)
TELL_SECONDS = 0.8  # how often progress is written


class TaskListener:
    """Hears what the child says: progress goes into the row, lines into the worker's log."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._name = str(work)  # now: the threads that hear the child must not ask the database
        self._progress: PhaseEvent | None = None
        self._told_at = 0.0

    def say(self, event: Event) -> None:
        """Take an event; only the newest progress counts."""
        match event:
            case PhaseEvent():
                self._progress = event
            case LogEvent(level=level, text=text):
                log.log(logging.INFO if level == "info" else logging.WARNING, "%s: %s", self._name, text)
            case _:
                pass

    def log(self, text: str) -> None:
        """Take one line for people."""
        self.say(LogEvent(text=text))

    def flush(self) -> None:
        """Write the progress, not more often than people can read.

        Raises:
            WorkOver: somebody else took the work.
        """
        if self._progress is None or time.monotonic() - self._told_at < TELL_SECONDS:
            return
        now, self._progress = self._progress, None
        self._told_at = time.monotonic()
        run_task.beat(self._work, done=now.done, total=now.total, phase=now.phase.value)


def run_worker_task(work: Work) -> None:
    """Carry the task or import through and end it."""
    folder: Path = settings.WORK_FOLDER / "tasks" / f"{work._meta.model_name}-{work.pk}-{work.tries}"  # noqa: SLF001
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        _run(work, folder)
    except WorkOver:
        log.warning("%s was ended by somebody else; its result is dropped.", work)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong must end the work with a reason
        _end_badly(work, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(work: Work, folder: Path) -> None:
    with Pulse(lambda: _alive(work)) as pulse:
        program = program_of(work)
        if isinstance(program, InWorkerProgram):
            _run_here(work, program, pulse)
            return
        program.prepare(work, folder)
        secrets = program.secrets(work) if program.secrets else None
        facts: dict[str, Any] = {}
        for module in (program.module, *program.then):
            outcome = run_child(module, folder, TaskListener(work), pulse, secrets=secrets)
            if outcome.stopped:
                run_task.give_back(work)
                return
            if outcome.error or outcome.done is None:
                _refuse(work, outcome.error or ErrorEvent(code=Cause.CRASHED))
                return
            facts = outcome.done.facts
        program.keep(work, folder, facts)


class _Stopped(Exception):
    """The worker is asked to end."""


def _run_here(work: Work, program: InWorkerProgram[Any], pulse: Pulse) -> None:
    told_at = 0.0

    def report(done: int, total: int) -> None:
        nonlocal told_at
        if pulse.asked_to_stop():
            raise _Stopped
        if time.monotonic() - told_at >= TELL_SECONDS:
            told_at = time.monotonic()
            run_task.beat(work, done=done, total=total, phase=program.phase or "")

    try:
        result = program.run(work, report)
    except _Stopped:
        run_task.give_back(work)
    else:
        program.keep(work, result)


def _alive(work: Work) -> None:
    """Nobody asks it to stop: it ends by itself soon, or goes with its version."""
    run_task.beat(work)


def _refuse(work: Work, error: ErrorEvent) -> None:
    if error.code is Cause.BASE_CHANGED and isinstance(work, MergedModel):
        forget_base(work.base_revision)  # the next try takes it from the storage anew
    run_task.fail(work, error.code.value, f"{TASK_SENTENCES[error.code]} {error.detail}".strip())


def _end_badly(work: Work, error: Exception) -> None:
    try:
        match error:
            case UserError():
                run_task.fail(work, error.code, error.message, {"field": error.field, "details": error.details})
            case incoming.IncomingMissing():
                run_task.fail(work, Cause.FILES_MISSING.value, "The files that were sent are gone. Send them again.")
            case blobs.BlobMissing() | blobs.BlobDamaged():
                run_task.fail(work, Cause.FILES_MISSING.value, f"{TASK_SENTENCES[Cause.FILES_MISSING]} Blob {error}.")
            case OSError() if cause_of(error) is Cause.DISK_FULL:
                run_task.fail(work, Cause.DISK_FULL.value, TASK_SENTENCES[Cause.DISK_FULL])
            case _:
                log.error("%s failed", work, exc_info=error)
                run_task.fail(
                    work, Cause.CRASHED.value, f"{TASK_SENTENCES[Cause.CRASHED]} {type(error).__name__}: {error}"
                )
    except WorkOver:
        log.warning("%s was ended by somebody else.", work)
