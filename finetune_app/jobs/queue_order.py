"""The order in which a workspace's waiting jobs start, in one place: priority, then place, then age.

A job's place is its number until somebody moves it, so places of moved and of unmoved jobs can be compared, and a new
job comes last.
"""

from typing import Any

from django.db.models import F, FloatField, Q, QuerySet
from django.db.models.functions import Cast, Coalesce

from finetune_app.accounts.models import Workspace
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import OPEN_STATES, JobState

ON_A_WORKER = OPEN_STATES - {JobState.QUEUED, JobState.PAUSED}
"""The states of a job that a worker is busy with."""


def place() -> Any:
    """Of a job among its workspace's jobs of one priority; the lower, the sooner."""
    return Coalesce("position", Cast("number", FloatField()))


def place_of(job: Job) -> float:
    """The same for one job."""
    return float(job.number) if job.position is None else job.position


def start_key(job: Job) -> tuple[int, float, int]:
    """Sorts waiting jobs of one workspace as `queue_of` does."""
    return -job.priority, place_of(job), job.pk


def queue_of(workspace: Workspace) -> QuerySet[Job]:
    """The workspace's waiting jobs, in the order in which they start."""
    waiting = Job.objects.filter(workspace=workspace, state=JobState.QUEUED)
    return waiting.annotate(place=place()).order_by(F("priority").desc(), "place", "id")


def waiting_before(job: Job) -> int:
    """How many of its workspace's jobs start before this one; 0 for one that does not wait."""
    if job.state != JobState.QUEUED:
        return 0
    mine = place_of(job)
    sooner = Q(place__lt=mine) | Q(place=mine, pk__lt=job.pk)
    return queue_of(job.workspace).filter(Q(priority__gt=job.priority) | Q(priority=job.priority) & sooner).count()
