"""A worker takes the next job that it can carry out."""

from functools import partial

from django.db import transaction
from django.db.models import Case, Count, F, IntegerField, Max, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from finetune_app.accounts.models import Workspace
from finetune_app.fleet.models import Worker
from finetune_app.jobs.live_stream import clear
from finetune_app.jobs.matching import may_take
from finetune_app.jobs.models import Attempt, Job
from finetune_app.jobs.queue_order import ON_A_WORKER, place
from finetune_app.jobs.services.move_job import move_job
from finetune_app.jobs.states import JobState


def claim_next_job(worker: str) -> Attempt | None:
    """The attempt at the next job that the worker may take, now running on it; None when there is none.

    Claiming is a compare-and-set, so two workers never get the same job.
    """
    known = Worker.objects.filter(name=worker).first()
    while (job := _next_job(known)) is not None:
        if attempt := _claim(job, worker):
            return attempt
    return None


def _next_job(worker: Worker | None) -> Job | None:
    """The first of all workspaces: by priority; then in turn, those with the fewest running jobs first.

    Of workspaces that run equally many the one comes first that has not had its turn for longest. Two queries, however
    many jobs wait.
    """
    on_workers = (
        Job.objects.filter(state__in=ON_A_WORKER)
        .order_by()
        .values_list("workspace_id", "workspace__max_running_jobs")
        .annotate(running=Count("pk"))
    )
    counts = list(on_workers)
    full = [workspace for workspace, limit, running in counts if limit is not None and running >= limit]
    turns = [When(workspace_id=workspace, then=Value(running)) for workspace, _, running in counts]
    fewest = [Case(*turns, default=Value(0), output_field=IntegerField())] if turns else []
    return (
        Job.objects.filter(may_take(worker), state=JobState.QUEUED)
        .exclude(workspace_id__in=full)
        .select_related("workspace")
        .order_by(
            F("priority").desc(),
            *fewest,
            F("workspace__last_job_started_at").asc(nulls_first=True),
            "workspace_id",
            place(),
            "id",
        )
        .first()
    )


def _claim(job: Job, worker: str) -> Attempt | None:
    """The new attempt; None when the job, or the last place that its workspace had, was taken meanwhile."""
    now = timezone.now()
    with transaction.atomic():
        # The row lock that this takes keeps apart all claims in a workspace, so that none goes beyond its limit.
        Workspace.objects.filter(pk=job.workspace_id).update(last_job_started_at=now)
        claimed = not _is_full(job.workspace) and move_job(
            job.pk,
            JobState.RUNNING,
            only_from=[JobState.QUEUED],
            started_at=Coalesce("started_at", now),
            phase="",
            done=0,
            total=0,
        )
        if not claimed:
            transaction.set_rollback(True)  # the workspace did not have its turn
            return None
        last = Attempt.objects.filter(job=job).aggregate(last=Max("number"))["last"] or 0
        if not last:
            transaction.on_commit(partial(clear, job.pk))
        return Attempt.objects.create(job=job, number=last + 1, worker=worker, heartbeat_at=now)


def _is_full(workspace: Workspace) -> bool:
    limit = workspace.max_running_jobs
    return limit is not None and Job.objects.filter(workspace=workspace, state__in=ON_A_WORKER).count() >= limit
