"""Pause a job: its worker writes a checkpoint and is free for others."""

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.move_job import move_job
from finetune_app.jobs.states import JobState


def pause_job(access: Access, job: Job) -> Job:
    """Pause the job: at once while it waits, through its worker while it runs; a paused job stays as it is.

    Raises:
        UserError: `not_allowed`, or `not_pausable` because it has ended or is being cancelled.
    """
    access.require(Role.EDITOR)
    if not (_pause_waiting(job) or move_job(job.pk, JobState.PAUSING)):
        _pause_waiting(job)  # a running job may have gone back to the queue between the two tries
    job.refresh_from_db()
    if job.state not in {JobState.PAUSING, JobState.PAUSED}:
        raise UserError("not_pausable", f"Job {job.number} is {job.state}, so there is nothing to pause.", status=409)
    return job


def _pause_waiting(job: Job) -> bool:
    return move_job(job.pk, JobState.PAUSED, only_from=[JobState.QUEUED])
