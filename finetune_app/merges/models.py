"""Merged models and their exports: each is the piece of work that makes it, and what came of it."""

from django.db import models

from adapters.models import AdapterVersion, BaseRevision
from finetune_app.accounts.models import Workspace
from finetune_app.datasets.models import DatasetVersion
from finetune_app.merges.states import ExportKind, Verdict
from finetune_app.work.models import WorkerTask
from finetune_app.work.states import TaskState


class MergedModel(WorkerTask):
    """An adapter version folded into a base revision. It has files, report and verdict only when it is whole."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="merged_models")
    version = models.ForeignKey(AdapterVersion, on_delete=models.PROTECT, related_name="merged_models")
    number = models.PositiveIntegerField(help_text="Among those of its version.")
    base_revision = models.ForeignKey(BaseRevision, on_delete=models.PROTECT, related_name="merged_models")
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.SET_NULL, null=True, related_name="+", help_text="Whose rows prove it."
    )
    options = models.JSONField(help_text="`options.MergeOptions`, complete.")
    key = models.CharField(max_length=64, help_text="SHA-256 of all that it is made of: asking twice makes one.")
    verdict = models.CharField(
        max_length=12, blank=True, choices=[(item.value, item.value) for item in Verdict], help_text="Empty until then."
    )
    files = models.JSONField(default=list, help_text='[{"path", "size", "sha256"}], each a blob.')
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes of all files.")
    report_sha256 = models.CharField(max_length=64, blank=True, help_text="The blob with `report.MergeReport`.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="merged_model_number"),
            models.UniqueConstraint(
                fields=["workspace", "key"], condition=~models.Q(state=str(TaskState.FAILED)), name="merged_model_once"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="merged_model_queue"),
            models.Index(fields=["workspace", "-id"], name="merged_model_newest"),
        ]

    def __str__(self) -> str:
        return f"merged model {self.number} of {self.version}"


class MergedNumber(models.Model):
    """The number that was given last among the merged models of a version, perhaps to one that was deleted since."""

    version = models.OneToOneField(AdapterVersion, on_delete=models.CASCADE, related_name="merged_number")
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.last} merged models of {self.version}"


class Export(WorkerTask):
    """A merged model in another form, or sent somewhere."""

    merged_model = models.ForeignKey(MergedModel, on_delete=models.CASCADE, related_name="exports")
    number = models.PositiveIntegerField(help_text="Among those of its merged model.")
    kind = models.CharField(max_length=12, choices=[(item.value, item.value) for item in ExportKind])
    options = models.JSONField(help_text="`export_options.ExportOptions`, complete.")
    key = models.CharField(max_length=64, help_text="SHA-256 of the options: asking twice makes one.")
    files = models.JSONField(default=list, help_text='[{"path", "size", "sha256"}], each a blob; of what stays here.')
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes of all files.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merged_model", "number"], name="export_number"),
            models.UniqueConstraint(
                fields=["merged_model", "key"], condition=~models.Q(state=str(TaskState.FAILED)), name="export_once"
            ),
        ]
        indexes = [models.Index(fields=["state", "id"], name="export_queue")]

    def __str__(self) -> str:
        return f"{self.kind} export {self.number} of {self.merged_model}"
