"""Tells the training workers that there may be a job."""

from django.db import transaction

from finetune_app.celery import RUN_NEXT_JOB, nudge
from finetune_app.fleet.online import online_workers
from finetune_app.jobs.models import Attempt
from finetune_app.jobs.states import AttemptState


def wake_workers() -> None:
    """Send a nudge to every worker that has nothing to do, and one to whoever has not announced itself yet.

    To each, because not every worker can take every job: a nudge for one of them might reach those only that cannot.
    """
    if not nudge(RUN_NEXT_JOB):
        return
    busy = Attempt.objects.filter(state=AttemptState.RUNNING).values("worker")
    for name in online_workers().exclude(name__in=busy).values_list("name", flat=True):
        nudge(RUN_NEXT_JOB, worker=name)


def wake_workers_on_commit() -> None:
    """Send the nudges when the current transaction is committed."""
    transaction.on_commit(wake_workers)
