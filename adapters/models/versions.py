"""Adapters, their versions, and the words that people put on these."""

from django.conf import settings
from django.db import models

from adapters.models.bases import BaseRevision
from adapters.states import VersionOrigin, VersionStatus
from finetune_app.accounts.models import Workspace


class Adapter(models.Model):
    """A named line of fine-tunes."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="adapters")
    name = models.CharField(max_length=100)
    last_number = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Given last, perhaps to a version that was deleted; it is not given again."
    )
    newest = models.ForeignKey(
        "AdapterVersion", on_delete=models.SET_NULL, null=True, related_name="+", help_text="Its newest version."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="adapter_name_in_workspace")]
        indexes = [models.Index(fields=["workspace", "-newest"], name="adapter_last_made")]

    def __str__(self) -> str:
        return self.name


class AdapterVersion(models.Model):
    """One adapter, its files, the base that it is bound to and its frozen lineage: these never change.

    What may change is what people and the registry say of it: status, flag, notes, tags. The columns from `origin` to
    `score` repeat what the manifest says, for lists that look for it; `services/register_version.py` writes them.
    """

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="versions")
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False, help_text="Its adapter's, for lists."
    )
    number = models.PositiveIntegerField()
    base_revision = models.ForeignKey(BaseRevision, on_delete=models.PROTECT, related_name="adapter_versions")
    manifest = models.JSONField(help_text="`manifest.Manifest`, frozen.")
    manifest_sha256 = models.CharField(max_length=64, help_text="Of manifest.json as it is downloaded.")
    manifest_size = models.PositiveIntegerField(help_text="Bytes of manifest.json.")
    archive_size = models.PositiveBigIntegerField(help_text="Bytes of the zip.")
    archive_sha256 = models.CharField(max_length=64, help_text="Of the zip as it is downloaded.")
    archive_layout_sha256 = models.CharField(max_length=64, help_text="The blob with `archive.ArchiveLayout`.")
    tar_sha256 = models.CharField(
        max_length=64, blank=True, db_default="", help_text="Of the tar; empty for an old version until it is wanted."
    )
    source_key = models.CharField(max_length=100, unique=True, help_text="What made it; registering twice makes one.")
    origin = models.CharField(
        max_length=10,
        choices=[(item.value, item.value) for item in VersionOrigin],
        default=VersionOrigin.TRAINED,
        db_default=VersionOrigin.TRAINED,
    )
    method = models.CharField(max_length=20, blank=True, db_default="")
    dataset = models.CharField(max_length=100, blank=True, db_default="", help_text="Its name.")
    dataset_version = models.PositiveIntegerField(null=True)
    score_name = models.CharField(max_length=40, blank=True, db_default="", help_text="The most telling measure.")
    score = models.FloatField(null=True, help_text="That of the tuned model.")
    recipe_digest = models.CharField(
        max_length=64, blank=True, db_default="", help_text="SHA-256 of rows, config and seed: what to repeat."
    )
    continues = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="continued_as",
        help_text="The version whose weights it started with; the lineage says so for good.",
    )
    retrains = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="retrained_as",
        help_text="The version of an older base revision whose recipe it repeats.",
    )
    combines = models.ManyToManyField(
        "self",
        symmetrical=False,
        related_name="combined_as",
        help_text="The versions that it was made of without training; the lineage says with which weights.",
    )
    status = models.CharField(
        max_length=12,
        choices=[(item.value, item.value) for item in VersionStatus],
        default=VersionStatus.SERVABLE,
        db_default=VersionStatus.SERVABLE,
    )
    status_reason = models.CharField(max_length=300, blank=True, db_default="", help_text="One sentence.")
    flag = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Why somebody should look at it again; one sentence."
    )
    notes = models.TextField(blank=True, db_default="")
    searched = models.CharField(
        max_length=400, blank=True, db_default="", help_text="Its name and the beginning of its notes, in lower case."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adapter", "number"], name="adapter_version_number")]
        indexes = [
            # All that a list may be filtered by, so that a list of many versions never reads their manifests.
            models.Index(
                fields=[
                    "workspace",
                    "id",
                    "status",
                    "base_revision",
                    "dataset",
                    "dataset_version",
                    "method",
                    "score_name",
                    "score",
                    "origin",
                    "created_by",
                    "created_at",
                    "adapter",
                    "searched",
                ],
                name="adapter_version_filters",
            ),
            # The same in the order of scores, so that the best ones come first without sorting all of them.
            models.Index(
                fields=[
                    "workspace",
                    "score_name",
                    "score",
                    "id",
                    "status",
                    "base_revision",
                    "dataset",
                    "dataset_version",
                    "method",
                    "origin",
                    "created_by",
                    "created_at",
                    "adapter",
                    "searched",
                ],
                name="adapter_version_scores",
            ),
            # How many of an adapter's versions are in use.
            models.Index(fields=["adapter", "status"], name="adapter_version_standing"),
        ]

    def __str__(self) -> str:
        return f"{self.adapter.name}@{self.number}"


class VersionTag(models.Model):
    """A word that people put on a version, to find it by."""

    version = models.ForeignKey(AdapterVersion, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=50)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="tag_once_on_version")]
        indexes = [models.Index(fields=["name"], name="tag_name")]

    def __str__(self) -> str:
        return self.name
