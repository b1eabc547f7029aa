"""A worker takes a piece of work, says how far it is, and ends it: each move is a compare-and-set.

Light workers do it, but for what an app says needs a GPU where there is one: that is for the training workers.

What work there is, the apps tell when Django starts (`AppConfig.ready`), so that this knows none of them.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from finetune_app.celery import RUN_NEXT_JOB, nudge
from finetune_app.errors import WorkOver
from finetune_app.work.models import WorkerTask
from finetune_app.work.states import CANCELLED, OPEN_TASK_STATES, TaskState
from finetune_app.work.wake_light_workers import wake_light_workers

Work = WorkerTask
W = TypeVar("W", bound=WorkerTask)
_awaited: list[type[Work]] = []
_others: list[type[Work]] = []
_on_gpu: dict[type[Work], Q] = {}
ERROR_LENGTH = 500
LOST = "The worker stopped answering while it worked on this, twice. Try again, or look at its log."


def register(model: type[Work], *, is_awaited: bool = False, on_gpu: Q | None = None) -> None:
    """Let workers do what lies in this table.

    Args:
        model: the table.
        is_awaited: somebody waits for it, so it comes before the others.
        on_gpu: which of its rows are for training workers; light workers do the rest. None: light workers do all.
    """
    tables = _awaited if is_awaited else _others
    if model not in tables:
        tables.append(model)
    if on_gpu is not None:
        _on_gpu[model] = on_gpu


def tables() -> tuple[type[Work], ...]:
    """All tables with work, those first that somebody waits for."""
    return (*_awaited, *_others)


def claim_next_task(worker: str, *, on_gpu: bool = False) -> Work | None:
    """The oldest that is queued and awaited, else the oldest of the others, now running on `worker`; None: no work.

    Args:
        worker: its name.
        on_gpu: whether it is a training worker; it takes what is for those, and a light worker what is not.
    """
    for model in tables():
        while (work := _waiting(model, on_gpu=on_gpu).order_by("id").first()) is not None:
            if _claim(work, worker):
                return work
    return None


def wake_for(task: Work) -> None:
    """Tell the workers that are to do it; whichever of them is free first looks for it."""
    if _waiting(type(task), on_gpu=True).filter(pk=task.pk).exists():
        nudge(RUN_NEXT_JOB)
    else:
        wake_light_workers()


def waits_for_gpu() -> bool:
    """Whether anything waits for a training worker."""
    return any(_waiting(model, on_gpu=True).exists() for model in _on_gpu)


def running_on(workers: Collection[str]) -> set[str]:
    """Those of these training workers that do something besides training now."""
    running = Q(state=TaskState.RUNNING, worker__in=workers)
    return {worker for model in _on_gpu for worker in _rows(model).filter(running).values_list("worker", flat=True)}


def _waiting(model: type[W], *, on_gpu: bool) -> QuerySet[W]:
    """What is queued for that kind of worker."""
    queued = _rows(model).filter(state=TaskState.QUEUED)
    which = _on_gpu.get(model)
    if which is None:
        return queued.none() if on_gpu else queued
    if not which:
        return queued if on_gpu else queued.none()
    return queued.filter(which) if on_gpu else queued.exclude(which)


def _rows(model: type[W]) -> QuerySet[W]:
    return model._default_manager.all()  # noqa: SLF001 - the name by which any model's manager is found


def _claim(work: Work, worker: str) -> bool:
    claimed = (
        _rows(type(work))
        .filter(pk=work.pk, state=TaskState.QUEUED)
        .update(
            state=TaskState.RUNNING,
            worker=worker,
            tries=F("tries") + 1,
            heartbeat_at=timezone.now(),
            done=0,
            total=0,
            phase="",
        )
    )
    if claimed:
        work.refresh_from_db()
    return bool(claimed)


def beat(task: Work, *, done: int | None = None, total: int | None = None, phase: str = "") -> None:
    """Say that the task is worked on, what is done, and how far it is.

    Raises:
        WorkOver: somebody else took it, or it is gone with its version.
    """
    changes: dict[str, Any] = {"heartbeat_at": timezone.now()}
    if done is not None:
        changes |= {"done": done, "total": total or 0, "phase": phase}
    if not _mine(task).update(**changes):
        raise WorkOver


def hold(task: Work) -> None:
    """Within a transaction: nobody else ends the task until it is over.

    Raises:
        WorkOver: somebody else took it, or gave it up.
    """
    if _mine(task).select_for_update().first() is None:
        raise WorkOver


def succeed(task: Work, result: dict[str, Any], **changes: Any) -> None:
    """Keep what the task found, and with it other columns.

    Raises:
        WorkOver: somebody else took it.
    """
    _end(task, TaskState.SUCCEEDED, result=result, **changes)


def fail(task: Work, code: str, sentence: str, result: dict[str, Any] | None = None) -> None:
    """Keep why the task failed, and what it found until then.

    Raises:
        WorkOver: somebody else took it.
    """
    _end(task, TaskState.FAILED, error_code=code, error=sentence[:ERROR_LENGTH], result=result or {})


def cancel(task: Work) -> bool:
    """End a task that waits or runs, because a person asked for it; its worker stops at its next beat.

    Returns:
        Whether it was still open.
    """
    ended = (
        _rows(type(task))
        .filter(pk=task.pk, state__in=OPEN_TASK_STATES)
        .update(
            state=TaskState.FAILED,
            phase="",
            error_code=CANCELLED,
            error="It was stopped by a person.",
            finished_at=timezone.now(),
        )
    )
    task.refresh_from_db()
    return bool(ended)


def queue_again(task: Work) -> bool:
    """Put a task that failed, or was stopped, back into the queue; whether it was one. Its workers are to be woken."""
    queued = (
        _rows(type(task))
        .filter(pk=task.pk, state=TaskState.FAILED)
        .update(state=TaskState.QUEUED, error="", error_code="", done=0, total=0, losses=0, result={}, finished_at=None)
    )
    task.refresh_from_db()
    return bool(queued)


def give_back(task: Work) -> None:
    """Put the task back into the queue: its worker was asked to end."""
    _mine(task).update(state=TaskState.QUEUED)


def sweep_tasks() -> None:
    """Put tasks back whose worker fell silent, and nudge the workers while something waits. Safe at any time."""
    _give_up(Q(heartbeat_at__lt=timezone.now() - timedelta(seconds=settings.LOST_AFTER_SECONDS)))
    if any(_waiting(model, on_gpu=False).exists() for model in tables()):
        wake_light_workers()


def give_up_tasks_of(worker: str) -> None:
    """The worker just started, so whatever it worked on before it died is lost."""
    _give_up(Q(worker=worker))


def _give_up(which: Q) -> None:
    for model in tables():
        lost = _rows(model).filter(which, state=TaskState.RUNNING)
        lost.filter(losses__gte=settings.MAX_ATTEMPTS - 1).update(
            state=TaskState.FAILED, error_code="worker_lost", error=LOST, finished_at=timezone.now()
        )
        lost.update(state=TaskState.QUEUED, losses=F("losses") + 1)


def _mine(task: Work) -> Any:
    """The row as long as this try is the one that runs."""
    return _rows(type(task)).filter(pk=task.pk, state=TaskState.RUNNING, worker=task.worker, tries=task.tries)


def _end(task: Work, state: TaskState, **changes: Any) -> None:
    if not _mine(task).update(state=state, phase="", finished_at=timezone.now(), **changes):
        raise WorkOver
    task.refresh_from_db()
