"""The evaluations of a job while it trained, over all its attempts: for the page and REST."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from finetune_app.jobs.models import HeldOutPoint, Job


def held_out_of(job: Job, points: QuerySet[HeldOutPoint] | None = None) -> list[HeldOutPoint]:
    """One point for each step, in their order: an attempt that goes on from a checkpoint replaces what came after it.

    `points` narrows what is read of each.
    """
    by_step: dict[int, HeldOutPoint] = {}
    found = (HeldOutPoint.objects.all() if points is None else points).filter(attempt__job=job)
    attempt = 0
    for point in found.select_related("attempt").order_by("attempt__number", "step"):
        if point.attempt.number != attempt:
            attempt, begun = point.attempt.number, point.attempt.resumed_step
            by_step = {step: kept for step, kept in by_step.items() if step <= begun}
        by_step[point.step] = point
    return [by_step[step] for step in sorted(by_step)]


def best_of(points: Sequence[HeldOutPoint]) -> HeldOutPoint | None:
    """The last of those that were better than all before; None when there is none."""
    return next((point for point in reversed(points) if point.best), None)


@dataclass(frozen=True)
class HeldOutView:
    """What the page says of the evaluations.

    Attributes:
        first: before anything was learned, or the earliest that there is.
        last: the newest.
        best: the one with the lowest loss.
        shown: the one whose answers are shown; None when nothing was answered.
        before: the step of the answers before those that are shown.
        after: the step of the answers after them.
        stopped_at: the step at which the run ended early.
    """

    first: HeldOutPoint | None
    last: HeldOutPoint | None
    best: HeldOutPoint | None
    shown: HeldOutPoint | None
    before: int | None
    after: int | None
    stopped_at: int | None

    @property
    def newest(self) -> str:
        """The newest evaluation as `attempt:step`, so that the page knows when there is a newer one."""
        return f"{self.last.attempt.number}:{self.last.step}" if self.last else ""


def held_out_view(job: Job, step: int | None = None) -> HeldOutView:
    """The evaluations of `job` with the answers at `step`, or the newest ones before it; None: the newest."""
    light = HeldOutPoint.objects.defer("answers")
    points = held_out_of(job, light)
    with_answers = set(light.filter(attempt__job=job).exclude(answers=[]).values_list("pk", flat=True))
    answered = [point for point in points if point.pk in with_answers]
    place = max((index for index, point in enumerate(answered) if step is None or point.step <= step), default=0)
    return HeldOutView(
        first=points[0] if points else None,
        last=points[-1] if points else None,
        best=best_of(points),
        shown=answered[place] if answered else None,
        before=answered[place - 1].step if place else None,
        after=answered[place + 1].step if place + 1 < len(answered) else None,
        stopped_at=job.facts.get("stopped_early_at"),
    )
