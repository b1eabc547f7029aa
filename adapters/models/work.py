"""What light workers do for the registry: imports, and what is asked for once."""

from django.db import models

from adapters.models.bases import BaseRevision
from adapters.models.versions import AdapterVersion
from adapters.states import RegistryTaskKind
from finetune_app.accounts.models import Workspace
from finetune_app.imports.models import Import
from finetune_app.work.models import WorkerTask


class BaseImport(Import):
    """A base model on its way to become a revision: uploaded, or to be fetched; `source` is `base_source.py`'s."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="base_imports")
    name = models.CharField(max_length=100, help_text="Of the base model; made when it is new.")
    revision = models.ForeignKey(
        BaseRevision, on_delete=models.SET_NULL, null=True, related_name="+", help_text="What it became."
    )

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="base_import_queue")]

    def __str__(self) -> str:
        return f"import of {self.name}"


class AdapterImport(Import):
    """An adapter made elsewhere on its way to become a version; `source` is `adapter_source.py`'s."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="adapter_imports")
    name = models.CharField(max_length=100, help_text="Of the adapter; made when it is new.")
    base_revision = models.ForeignKey(
        BaseRevision, on_delete=models.PROTECT, related_name="+", help_text="The base that a person chose."
    )
    notes = models.TextField(blank=True)
    version = models.ForeignKey(
        AdapterVersion, on_delete=models.SET_NULL, null=True, related_name="+", help_text="What it became."
    )

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="adapter_import_queue")]

    def __str__(self) -> str:
        return f"import of {self.name}"


class RegistryTask(WorkerTask):
    """One piece of work on versions or base revisions, known by what it is asked (`key`), so asked for once."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="registry_tasks")
    kind = models.CharField(max_length=20, choices=[(item.value, item.value) for item in RegistryTaskKind])
    key = models.CharField(max_length=64, help_text="SHA-256 of kind and params.")
    params = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="registry_task_key")]
        indexes = [models.Index(fields=["state", "id"], name="registry_task_queue")]

    def __str__(self) -> str:
        return f"{self.kind} in {self.workspace}"
