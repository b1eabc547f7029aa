"""Datasets and their immutable versions."""

from django.conf import settings
from django.db import models

from finetune_app.accounts.models import Workspace
from finetune_app.datasets.formats import FileFormat, RowForm


class Dataset(models.Model):
    """A named set of rows; what it holds lies in its versions."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="dataset_name_in_workspace")]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """The rows of one uploaded file, never changed; `sha256` is that of the file's bytes and of its blob."""

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
        default=list, help_text='[{"row": 7, "reason": "…"}], left out by the person\'s choice.'
    )
    first_rows = models.JSONField(default=list, help_text="The first rows, normalised and cut, to look at.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number"),
            models.UniqueConstraint(fields=["dataset", "sha256"], name="dataset_version_content"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name}@{self.number}"
