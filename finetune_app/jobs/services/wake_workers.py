"""Tells the training workers that there may be a job."""

from django.db import transaction

from finetune_app.celery import RUN_NEXT_JOB, nudge


def wake_workers() -> None:
    """Send one nudge."""
    nudge(RUN_NEXT_JOB)


def wake_workers_on_commit() -> None:
    """Send one nudge when the current transaction is committed."""
    transaction.on_commit(wake_workers)
