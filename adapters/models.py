"""Base models and their revisions, adapters and their versions."""

from django.conf import settings
from django.db import models

from finetune_app.accounts.models import Workspace


class BaseModel(models.Model):
    """A named model line, e.g. `smollm2-135m-instruct`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="base_models")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="base_name_in_workspace")]

    def __str__(self) -> str:
        return self.name


class BaseRevision(models.Model):
    """One exact content of a base model, known by its four digests (see `fingerprint.py`)."""

    base_model = models.ForeignKey(BaseModel, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    weights_root = models.CharField(max_length=64)
    arch_digest = models.CharField(max_length=64)
    tokenizer_digest = models.CharField(max_length=64)
    chat_template_digest = models.CharField(max_length=64)
    leaves_sha256 = models.CharField(max_length=64, help_text="The blob with one line per tensor.")
    files = models.JSONField(help_text='[{"path", "size", "sha256"}], each a blob.')
    architecture = models.CharField(max_length=100)
    parameters = models.PositiveBigIntegerField()
    dtype = models.CharField(max_length=20)
    linear_modules = models.JSONField(help_text="Names that can be target modules, the usual ones first.")
    source = models.CharField(max_length=255, help_text="Where the files came from.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base_model", "number"], name="base_revision_number"),
            models.UniqueConstraint(
                fields=["base_model", "weights_root", "arch_digest", "tokenizer_digest", "chat_template_digest"],
                name="base_revision_content",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base_model.name}@{self.number}"


class Adapter(models.Model):
    """A named line of fine-tunes."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="adapters")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="adapter_name_in_workspace")]

    def __str__(self) -> str:
        return self.name


class AdapterVersion(models.Model):
    """One trained adapter, never changed: its files, the base it is bound to and its frozen lineage."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    base_revision = models.ForeignKey(BaseRevision, on_delete=models.PROTECT, related_name="adapter_versions")
    manifest = models.JSONField(help_text="`manifest.Manifest`, frozen.")
    manifest_sha256 = models.CharField(max_length=64, help_text="Of manifest.json as it is downloaded.")
    manifest_size = models.PositiveIntegerField(help_text="Bytes of manifest.json.")
    archive_size = models.PositiveBigIntegerField(help_text="Bytes of the zip.")
    archive_sha256 = models.CharField(max_length=64, help_text="Of the zip as it is downloaded.")
    archive_layout_sha256 = models.CharField(max_length=64, help_text="The blob with `archive.ArchiveLayout`.")
    source_key = models.CharField(max_length=100, unique=True, help_text="What made it; registering twice makes one.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adapter", "number"], name="adapter_version_number")]

    def __str__(self) -> str:
        return f"{self.adapter.name}@{self.number}"
