"""Resume a paused job: it waits for a worker again and goes on from its last checkpoint."""

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.move_job import move_job
from finetune_app.jobs.services.wake_workers import wake_workers_on_commit
from finetune_app.jobs.states import JobState


def resume_job(access: Access, job: Job) -> Job:
    """Put the paused job back into the queue; one that waits or runs already stays as it is.

    Raises:
        UserError: `not_allowed`, or `not_paused` because it has ended or is about to stop.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        if move_job(job.pk, JobState.QUEUED, only_from=[JobState.PAUSED]):
            wake_workers_on_commit()
    job.refresh_from_db()
    if job.state not in {JobState.QUEUED, JobState.RUNNING}:
        raise UserError("not_paused", f"Job {job.number} is {job.state}; only a paused job can be resumed.", status=409)
    return job
