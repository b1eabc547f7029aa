"""Cancel a job, whatever its state."""

from django.utils import timezone

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.move_job import move_job
from finetune_app.jobs.states import JobState


def cancel_job(access: Access, job: Job) -> Job:
    """Cancel the job: at once while it waits, through its worker while it runs; an ended job stays as it is.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    if not (_cancel_waiting(job) or move_job(job.pk, JobState.CANCELLING)):
        _cancel_waiting(job)  # a running job may have gone back to the queue between the two tries
    job.refresh_from_db()
    return job


def _cancel_waiting(job: Job) -> bool:
    waiting = [JobState.QUEUED, JobState.PAUSED]
    return move_job(job.pk, JobState.CANCELLED, only_from=waiting, finished_at=timezone.now())
