"""Datasets and their immutable versions."""

from django.conf import settings
from django.db import models

from finetune_app.accounts.models import Workspace
from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.datasets.task_states import TaskKind
from finetune_app.imports.models import Import
from finetune_app.work.models import WorkerTask


class Dataset(models.Model):
    """A named set of rows; what it holds lies in its versions."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=100)
    last_number = models.PositiveIntegerField(
        db_default=0, help_text="Given last, perhaps to a version that was deleted; it is not given again."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="dataset_name_in_workspace")]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """Rows, never changed; `sha256` is that of their blob, which is JSONL without bad rows.

    Versions of older releases keep the file as it was uploaded: perhaps one JSON array, and with its bad rows.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    file_name = models.CharField(max_length=255)
    file_format = models.CharField(max_length=10, choices=[(item.value, item.value) for item in FileFormat])
    row_form = models.CharField(max_length=20, choices=[(item.value, item.value) for item in RowForm])
    rows = models.PositiveIntegerField(help_text="Good rows; rows + bad_rows is what the file holds.")
    train_rows = models.PositiveIntegerField(default=0, help_text="Rows that name the split “train” for themselves.")
    held_out_rows = models.PositiveIntegerField(default=0, help_text="Rows that name the split “held_out”.")
    bad_rows = models.JSONField(
        default=list, help_text='[{"row": 7, "reason": "…", "text": "…"}], left out; numbered as in the upload.'
    )
    first_rows = models.JSONField(default=list, help_text="The first rows, normalised and cut, to look at.")
    origin = models.JSONField(default=dict, help_text="How it was made, when not simply uploaded: parents and steps.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number"),
            models.UniqueConstraint(fields=["dataset", "sha256"], name="dataset_version_content"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name}@{self.number}"

    @property
    def rows_read(self) -> int:
        """How many rows the uploaded files held: those kept and those left out."""
        return self.rows + len(self.bad_rows)

    @property
    def rows_to_skip(self) -> list[int]:
        """Numbers of the rows that were left out but still lie in the blob, as only those of older releases do.

        Since rows are taken out of the file, their raw text is kept; before, it was not.
        """
        return [bad["row"] for bad in self.bad_rows if "text" not in bad]


class DatasetTask(WorkerTask):
    """One piece of work on a dataset version: an index, a report, a preview.

    A task is known by what it is asked (`key`), so asking twice is asking once, and its result, which depends on
    nothing else, is kept for good.
    """

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="tasks")
    kind = models.CharField(max_length=12, choices=[(item.value, item.value) for item in TaskKind])
    key = models.CharField(max_length=64, help_text="SHA-256 of kind and params.")
    params = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "key"], name="dataset_task_key")]
        indexes = [models.Index(fields=["state", "id"], name="dataset_task_queue")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.version}"


class DatasetImport(Import):
    """Files on their way to become a dataset version: uploaded in pieces, or fetched from elsewhere.

    `source` is what `import_source.py` says, and what is here of it: "files": [{"id", "file_name", "size"}], and the
    "pins" of what was fetched.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="dataset_imports")
    name = models.CharField(max_length=100, help_text="Of the dataset; made when it is new.")
    options = models.JSONField(default=dict, help_text="How the rows are read.")
    version = models.ForeignKey(
        DatasetVersion, on_delete=models.SET_NULL, null=True, related_name="+", help_text="What it became."
    )

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="dataset_import_queue")]

    def __str__(self) -> str:
        return f"import of {self.name}"
