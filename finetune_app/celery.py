"""The Celery app. The web sends tasks by name from here; only a worker loads `workers.tasks`, which defines them."""

import logging
import os

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finetune_app.settings")

log = logging.getLogger(__name__)
TRAIN_QUEUE = "train"
LIGHT_QUEUE = "light"
RUN_NEXT_JOB = "workers.tasks.run_next_job"
RUN_NEXT_DATASET_TASK = "workers.tasks.run_next_dataset_task"
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
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    timezone="UTC",
    beat_schedule={"sweep": {"task": SWEEP, "schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS}}},
)


@app.on_configure.connect
def read_settings(sender: Celery, **_: object) -> None:
    """The broker's address comes from Django's settings, read when the app is first used."""
    sender.conf.update(broker_url=settings.REDIS_URL)


def nudge(task_name: str) -> None:
    """Tell the workers that there may be work; when Redis does not answer, the next sweep tells them.

    The database is the queue and the message names no piece of work: whoever gets it claims the next one. So a lost,
    late or doubled message does no harm, and no message has to live as long as a training run.
    """
    try:
        app.send_task(task_name, expires=NUDGE_EXPIRES_SECONDS)
    except OperationalError:
        log.warning("Redis did not take the nudge %s; the next sweep sends it again.", task_name)
