"""Jobs, their attempts, and what the attempts said."""

from django.conf import settings
from django.db import models

from adapters.models import AdapterVersion, BaseRevision
from finetune_app.accounts.models import Workspace
from finetune_app.datasets.models import DatasetVersion
from finetune_app.jobs.states import OPEN_STATES, WITHOUT_RESULT, AttemptState, JobState, Phase


class Job(models.Model):
    """One piece of queued work. Its state moves only through `services/move_job.py`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="jobs")
    number = models.PositiveIntegerField()
    state = models.CharField(
        max_length=12, choices=[(item.value, item.value) for item in JobState], default=JobState.QUEUED
    )
    priority = models.SmallIntegerField(
        default=0, db_default=0, help_text="Of two waiting jobs the higher one starts first."
    )
    position = models.FloatField(null=True, help_text="Place among its workspace's jobs of one priority; else its age.")
    gpus = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Of one machine; on a CPU worker: processes."
    )
    memory_bytes = models.PositiveBigIntegerField(
        null=True, help_text="The least that a device must have, as predicted; null when nothing was predicted."
    )
    adapter_name = models.CharField(max_length=100)
    base_revision = models.ForeignKey(BaseRevision, on_delete=models.PROTECT, related_name="jobs")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="jobs")
    config = models.JSONField(help_text="`TrainingConfig`, complete.")
    continues = models.ForeignKey(
        AdapterVersion,
        on_delete=models.PROTECT,
        null=True,
        related_name="continued_by",
        help_text="The adapter version whose weights it starts with.",
    )
    retrains = models.ForeignKey(
        AdapterVersion,
        on_delete=models.SET_NULL,
        null=True,
        related_name="retraining_jobs",
        help_text="The version whose recipe it repeats on another base revision.",
    )
    recipe_digest = models.CharField(max_length=64, blank=True, db_default="", help_text="As of an adapter version.")
    retry_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="retries")
    starts_at = models.ForeignKey(
        "Checkpoint",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The checkpoint of the job that it is a retry of.",
    )
    cause_code = models.CharField(max_length=40, blank=True)
    cause = models.CharField(max_length=500, blank=True, help_text="One sentence: why it failed.")
    phase = models.CharField(max_length=12, blank=True, choices=[(item.value, item.value) for item in Phase])
    done = models.PositiveIntegerField(default=0, help_text="Of `total`, in the phase.")
    total = models.PositiveIntegerField(default=0)
    scores = models.JSONField(null=True, help_text="`EvaluationEvent` without its type.")
    facts = models.JSONField(default=dict, help_text="What the worker chose and measured.")
    adapter_version = models.OneToOneField(AdapterVersion, on_delete=models.SET_NULL, null=True, related_name="job")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="job_number_in_workspace"),
            # Asked for twice, also at the same moment, a retraining is one job, until it failed or was cancelled.
            models.UniqueConstraint(
                fields=["base_revision", "adapter_name", "recipe_digest"],
                condition=models.Q(retrains__isnull=False)
                & ~models.Q(state__in=[str(state) for state in WITHOUT_RESULT]),
                name="retraining_once",
            ),
        ]
        indexes = [models.Index(fields=["state", "id"], name="job_queue")]

    def __str__(self) -> str:
        return f"job {self.number}"

    @property
    def is_open(self) -> bool:
        """True while something may still happen to it."""
        return self.state in OPEN_STATES


class Attempt(models.Model):
    """One try on one worker. Its lines lie in chunks while it runs and in the blob `log_sha256` afterwards."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    state = models.CharField(
        max_length=12, choices=[(item.value, item.value) for item in AttemptState], default=AttemptState.RUNNING
    )
    worker = models.CharField(max_length=100)
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    last_number = models.PositiveIntegerField(default=0, help_text="The number of the last line.")
    log_sha256 = models.CharField(max_length=64, blank=True)
    resumed_step = models.PositiveIntegerField(
        default=0, db_default=0, help_text="The step of the checkpoint that it began from."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="attempt_number_in_job")]

    def __str__(self) -> str:
        return f"{self.job} attempt {self.number}"


class Checkpoint(models.Model):
    """All that is needed to go on from one step of a job: files in the storage, whole or not there."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="checkpoints")
    step = models.PositiveIntegerField()
    files = models.JSONField(help_text='[{"path", "size", "sha256"}], each a blob.')
    best = models.BooleanField(default=False, help_text="The lowest held-out loss so far.")
    loss = models.FloatField(null=True, help_text="The held-out loss there.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "step"], name="checkpoint_step_in_job")]
        ordering = ["step"]

    def __str__(self) -> str:
        return f"{self.job}, checkpoint at step {self.step}"


class LogChunk(models.Model):
    """Lines `first` to `last` of a running attempt, each a `Record` as JSON, newline after each."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="chunks")
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    body = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "first"], name="chunk_in_attempt")]
        ordering = ["first"]

    def __str__(self) -> str:
        return f"{self.attempt}, lines {self.first}–{self.last}"


class MetricPoint(models.Model):
    """What one optimizer step measured; see `events.StepEvent` for units."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="points")
    step = models.PositiveIntegerField()
    epoch = models.FloatField()
    loss = models.FloatField(null=True)
    learning_rate = models.FloatField()
    grad_norm = models.FloatField(null=True)
    tokens = models.PositiveBigIntegerField()
    seconds = models.FloatField()
    extra = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), help_text="What the method measures beyond that."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "step"], name="point_in_attempt")]
        ordering = ["step"]

    def __str__(self) -> str:
        return f"{self.attempt}, step {self.step}"


class HeldOutPoint(models.Model):
    """The held-out rows at one step of training; see `events.HeldOutEvent` for units."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="held_out_points")
    step = models.PositiveIntegerField()
    epoch = models.FloatField()
    loss = models.FloatField(null=True)
    token_accuracy = models.FloatField(null=True)
    rows = models.PositiveIntegerField()
    best = models.BooleanField()
    seconds = models.FloatField()
    answers = models.JSONField(default=list, help_text='[{"prompt", "expected", "answer"}]')

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "step"], name="held_out_point_in_attempt")]
        ordering = ["step"]

    def __str__(self) -> str:
        return f"{self.attempt}, held-out rows at step {self.step}"
