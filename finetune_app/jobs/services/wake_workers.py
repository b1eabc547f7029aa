"""Tells the training workers that there may be work. The database is the queue; the message is only a nudge.

A nudge names no job: whoever gets it claims the next queued one. So a lost, late or doubled message does no harm, and
no message has to live as long as a training run.
"""

import logging

from django.db import transaction
from kombu.exceptions import OperationalError

from finetune_app.celery import RUN_NEXT_JOB, app

log = logging.getLogger(__name__)
NUDGE_EXPIRES_SECONDS = 60


def wake_workers() -> None:
    """Send one nudge; when Redis does not answer, the next sweep sends it."""
    try:
        app.send_task(RUN_NEXT_JOB, expires=NUDGE_EXPIRES_SECONDS)
    except OperationalError:
        log.warning("Redis did not take the nudge for a queued job; the next sweep sends it again.")


def wake_workers_on_commit() -> None:
    """Send one nudge when the current transaction is committed."""
    transaction.on_commit(wake_workers)
