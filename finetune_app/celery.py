"""The Celery app. The web sends tasks by name from here; only a worker loads `workers.tasks`, which defines them."""

import logging
import os
from typing import Any

from celery import Celery
from celery.utils.nodenames import worker_direct
from django.conf import settings
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finetune_app.settings")

log = logging.getLogger(__name__)
TRAIN_QUEUE = "train"
LIGHT_QUEUE = "light"
RUN_NEXT_JOB = "workers.tasks.run_next_job"
RUN_NEXT_LIGHT_TASK = "workers.tasks.run_next_light_task"
SWEEP = "workers.tasks.sweep"
SWEEP_SECONDS = 15.0
NUDGE_EXPIRES_SECONDS = 60

app = Celery("graft")
app.conf.update(
    task_default_queue=LIGHT_QUEUE,
    task_routes={RUN_NEXT_JOB: {"queue": TRAIN_QUEUE}},
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_direct=True,  # each worker also has a queue of its own, see `nudge`
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    timezone="UTC",
    beat_schedule={"sweep": {"task": SWEEP, "schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS}}},
)


@app.on_configure.connect
def read_settings(sender: Celery, **_: object) -> None:
    """The broker's address comes from Django's settings, read when the app is first used."""
    sender.conf.update(broker_url=settings.REDIS_URL)


def nudge(task_name: str, worker: str = "") -> bool:
    """Tell a worker that there may be work; when Redis does not answer, the next sweep does. Says whether it did.

    Without a name whoever is free first hears it, with one that worker: the first who is free may be one that cannot
    carry out what waits.

    The database is the queue and the message names no piece of work: whoever gets it claims the next one. So a lost,
    late or doubled message does no harm, and no message has to live as long as a training run.
    """
    to: dict[str, Any] = {"queue": worker_direct(worker)} if worker else {}
    try:
        app.send_task(task_name, expires=NUDGE_EXPIRES_SECONDS, **to)
    except OperationalError:
        log.warning("Redis did not take the nudge %s; the next sweep sends it again.", task_name)
        return False
    return True
