"""How much of the shared workers a workspace may take at a time."""

from functools import partial

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role, Workspace
from finetune_app.celery import RUN_NEXT_JOB, nudge
from finetune_app.errors import UserError

MOST_RUNNING_JOBS = 1000


def set_limits(access: Access, *, max_running_jobs: int | None) -> Workspace:
    """Let workers carry out at most so many of the workspace's jobs at a time; None: as many as they take.

    Jobs that run already go on.

    Raises:
        UserError: not an admin, or no number from 1 to `MOST_RUNNING_JOBS`.
    """
    access.require(Role.ADMIN)
    if max_running_jobs is not None and not 1 <= max_running_jobs <= MOST_RUNNING_JOBS:
        raise UserError("bad_limit", f"A number from 1 to {MOST_RUNNING_JOBS}, or none.", field="max_running_jobs")
    with transaction.atomic():
        Workspace.objects.filter(pk=access.workspace.pk).update(max_running_jobs=max_running_jobs)
        transaction.on_commit(partial(nudge, RUN_NEXT_JOB))  # a job that waited may start now
    access.workspace.max_running_jobs = max_running_jobs
    return access.workspace
