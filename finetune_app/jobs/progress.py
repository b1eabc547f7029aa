"""How far a job is, and how long it will still take."""

from dataclasses import dataclass

from django.utils import timezone

from finetune_app.jobs.models import Job, MetricPoint
from finetune_app.jobs.states import JobState, Phase

RECENT_STEPS = 20


@dataclass(frozen=True)
class Progress:
    """Where the bar stands: `done` of `total`; a `total` of 0 is a phase whose size is unknown."""

    label: str
    done: int
    total: int
    seconds_left: float | None = None


LABELS = {
    Phase.PREPARING: "Preparing",
    Phase.LOADING: "Loading the base model",
    Phase.TRAINING: "Training",
    Phase.EVALUATING: "Scoring the held-out rows",
    Phase.SAVING: "Saving the adapter",
}


STOPPING = {
    JobState.CANCELLING: "Stopping",
    JobState.PAUSING: "Finishing its step, then keeping a checkpoint",
    JobState.PAUSED: "Paused: it goes on when it is resumed",
}


def progress_of(job: Job) -> Progress | None:
    """The progress of an open job; None when it has ended.

    The time left covers training only: what follows it is short and not known before.
    """
    if not job.is_open:
        return None
    if job.state == JobState.QUEUED:
        return Progress("Waiting for a worker", 0, 0)
    if job.state in STOPPING:
        return Progress(STOPPING[JobState(job.state)], job.done, job.total)
    label = LABELS.get(Phase(job.phase), "") if job.phase else "Starting"
    return Progress(label, job.done, job.total, _seconds_left(job) if job.phase == Phase.TRAINING else None)


def _seconds_left(job: Job) -> float | None:
    """The pace of the last steps of the newest attempt, carried on to the last step."""
    points = MetricPoint.objects.filter(attempt__job=job).order_by("-attempt__number", "-step")
    recent = list(points.values_list("attempt_id", "step", "seconds")[: RECENT_STEPS + 1])
    same = [(step, seconds) for attempt, step, seconds in recent if attempt == recent[0][0]]
    if len(same) < 2 or not job.total:  # noqa: PLR2004  # a pace needs two points
        return None
    (last_step, last), (first_step, first) = same[0], same[-1]
    return (last - first) / (last_step - first_step) * max(job.total - last_step, 0)


def seconds_taken(job: Job) -> float | None:
    """From the start of the first attempt to the end, or to now; None when it has not started."""
    if job.started_at is None:
        return None
    return ((job.finished_at or timezone.now()) - job.started_at).total_seconds()
