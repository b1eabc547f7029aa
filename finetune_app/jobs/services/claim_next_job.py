"""A worker takes the next queued job."""

from functools import partial

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Coalesce
from django.utils import timezone

from finetune_app.jobs.live_stream import clear
from finetune_app.jobs.models import Attempt, Job
from finetune_app.jobs.services.move_job import move_job
from finetune_app.jobs.states import JobState


def claim_next_job(worker: str) -> Attempt | None:
    """The attempt at the oldest queued job, now running on `worker`; None when nothing is queued.

    Claiming is a compare-and-set, so two workers never get the same job.
    """
    while (job := Job.objects.filter(state=JobState.QUEUED).order_by("id").first()) is not None:
        now = timezone.now()
        with transaction.atomic():
            claimed = move_job(
                job.pk,
                JobState.RUNNING,
                only_from=[JobState.QUEUED],
                started_at=Coalesce("started_at", now),
                phase="",
                done=0,
                total=0,
            )
            if claimed:
                last = Attempt.objects.filter(job=job).aggregate(last=Max("number"))["last"] or 0
                if not last:
                    transaction.on_commit(partial(clear, job.pk))
                return Attempt.objects.create(job=job, number=last + 1, worker=worker, heartbeat_at=now)
    return None
