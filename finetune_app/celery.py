"""The Celery app. The web sends tasks by name from here; only a worker loads `workers.tasks`, which defines them."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finetune_app.settings")

TRAIN_QUEUE = "train"
LIGHT_QUEUE = "light"
RUN_NEXT_JOB = "workers.tasks.run_next_job"
SWEEP = "workers.tasks.sweep"
SWEEP_SECONDS = 15.0

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
