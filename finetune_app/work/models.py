"""What every table of work for a worker has, besides jobs."""

from django.conf import settings
from django.db import models

from finetune_app.work.states import OPEN_TASK_STATES, TaskState


class WorkerTask(models.Model):
    """What every piece of work that a worker does besides training has. Its state moves only through `run_task.py`."""

    state = models.CharField(
        max_length=12, choices=[(item.value, item.value) for item in TaskState], default=TaskState.QUEUED
    )
    done = models.PositiveBigIntegerField(default=0, help_text="Of `total`; both are 0 while nothing is known.")
    total = models.PositiveBigIntegerField(default=0)
    phase = models.CharField(max_length=20, blank=True, db_default="", help_text="What `done` and `total` count.")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=500, blank=True, help_text="One sentence: why it failed.")
    result = models.JSONField(default=dict, help_text="What it found; large parts are blobs that are named here.")
    tries = models.PositiveIntegerField(default=0, help_text="Which try runs; what an older one says does not count.")
    losses = models.PositiveIntegerField(default=0, help_text="How many of them lost their worker.")
    worker = models.CharField(max_length=100, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        """True while it waits or runs."""
        return self.state in OPEN_TASK_STATES
