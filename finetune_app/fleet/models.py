"""The training workers that have announced themselves."""

from django.db import models


class Worker(models.Model):
    """One worker process, shared by all workspaces. `name` is its Celery node name, unique in the broker."""

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=4, choices=[("cuda", "cuda"), ("cpu", "cpu")])
    device = models.CharField(max_length=200, help_text="The device's name, as the trainer tells it.")
    memory_bytes = models.PositiveBigIntegerField(help_text="Of one device; of several the smallest.")
    has_bf16 = models.BooleanField(help_text="Whether the device computes in bfloat16 by itself.")
    cores = models.PositiveSmallIntegerField(help_text="Of the processor: what one training process uses.")
    gpus = models.PositiveSmallIntegerField(help_text="How many this worker holds; 0 of kind `cpu`.")
    versions = models.JSONField(default=dict, help_text="Of the driver and the libraries, by name.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, help_text="When it said that it ends.")

    class Meta:
        indexes = [models.Index(fields=["seen_at"], name="worker_seen")]

    def __str__(self) -> str:
        return self.name

    @property
    def machine(self) -> str:
        """The host's name."""
        return self.name.partition("@")[2] or self.name
