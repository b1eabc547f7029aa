"""Keep what a running attempt said: lines, metrics and progress in one transaction, then the live stream."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from finetune_app.errors import WorkOver
from finetune_app.jobs.events import (
    DoneEvent,
    EvaluationEvent,
    HeldOutEvent,
    PhaseEvent,
    PlanEvent,
    Record,
    StepEvent,
)
from finetune_app.jobs.live_stream import publish
from finetune_app.jobs.models import Attempt, HeldOutPoint, Job, LogChunk, MetricPoint
from finetune_app.jobs.states import AttemptState, Phase


class AttemptOver(WorkOver):
    """The attempt was ended by somebody else, so its lines no longer count."""


def record_events(attempt: Attempt, records: Sequence[Record]) -> None:
    """Append `records` (numbered on from `attempt.last_number`) and say that the attempt lives.

    The live stream gets them after the commit, so nobody ever sees a line that a crash could take back.

    Raises:
        AttemptOver: the attempt is no longer running.
    """
    if not records:
        return
    before = attempt.last_number
    try:
        _keep(attempt, records)
    except Exception:
        attempt.last_number = before  # nothing of it was kept, so the attempt can still be ended
        raise
    publish(attempt.job_id, records)


def _keep(attempt: Attempt, records: Sequence[Record]) -> None:
    with transaction.atomic():
        append_records(attempt, records)
        _keep_metrics(attempt, records)
        _keep_progress(attempt.job_id, records)


def append_records(attempt: Attempt, records: Sequence[Record]) -> None:
    """Add the lines to the lasting log, inside the caller's transaction.

    Raises:
        AttemptOver: the attempt is no longer running, or another writer was faster.
    """
    moved = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.RUNNING, last_number=records[0].number - 1).update(
        last_number=records[-1].number, heartbeat_at=timezone.now()
    )
    if not moved:
        raise AttemptOver
    body = "".join(f"{record.model_dump_json()}\n" for record in records)
    LogChunk.objects.create(attempt=attempt, first=records[0].number, last=records[-1].number, body=body)
    attempt.last_number = records[-1].number


def heartbeat(attempt: Attempt) -> str:
    """Say that the attempt lives; gives the job's state, so that the supervisor sees a cancel.

    Raises:
        AttemptOver: the attempt is no longer running.
    """
    alive = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.RUNNING).update(heartbeat_at=timezone.now())
    if not alive:
        raise AttemptOver
    return Job.objects.values_list("state", flat=True).get(pk=attempt.job_id)


def _keep_metrics(attempt: Attempt, records: Sequence[Record]) -> None:
    points = [
        MetricPoint(attempt=attempt, **record.event.model_dump(exclude={"type", "total_steps"}))
        for record in records
        if isinstance(record.event, StepEvent)
    ]
    MetricPoint.objects.bulk_create(points, ignore_conflicts=True)
    looks = [
        HeldOutPoint(attempt=attempt, **record.event.model_dump(mode="json", exclude={"type"}))
        for record in records
        if isinstance(record.event, HeldOutEvent)
    ]
    HeldOutPoint.objects.bulk_create(looks, ignore_conflicts=True)


def _keep_progress(job_id: int, records: Sequence[Record]) -> None:
    changes: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for record in records:
        match record.event:
            case PhaseEvent(phase=phase, done=done, total=total):
                changes |= {"phase": phase, "done": done, "total": total}
            case StepEvent(step=step, total_steps=total):
                changes |= {"phase": Phase.TRAINING, "done": step, "total": total}
            case EvaluationEvent() as scores:
                changes["scores"] = scores.model_dump(mode="json", exclude={"type"})
            case PlanEvent(facts=found) | DoneEvent(facts=found):
                facts |= found
            case _:
                pass
    if facts:
        changes["facts"] = Job.objects.values_list("facts", flat=True).get(pk=job_id) | facts
    if changes:
        Job.objects.filter(pk=job_id).update(**changes)
