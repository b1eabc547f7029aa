"""Base models and their revisions."""

from django.conf import settings
from django.db import models

from adapters.states import CHANGE_WORDS, ChangeKind
from finetune_app.accounts.models import Workspace

NO_OBJECT = models.Value({}, models.JSONField())


class BaseModel(models.Model):
    """A named model line, e.g. `smollm2-135m-instruct`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="base_models")
    name = models.CharField(max_length=100)
    last_number = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Of revisions that were deleted; up to it no number is given again."
    )
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
    source = models.CharField(max_length=255, help_text="Where the files came from, in words.")
    origin = models.JSONField(
        default=dict, db_default=NO_OBJECT, help_text="The same for programs: `base_source.py`, with the hub's commit."
    )
    change = models.CharField(
        max_length=20,
        choices=[(item.value, item.value) for item in ChangeKind],
        default=ChangeKind.FIRST,
        db_default=ChangeKind.FIRST,
        help_text="What it changes of the revision before it.",
    )
    has_code = models.BooleanField(default=False, db_default=False, help_text="Its config names Python of its own.")
    trust_remote_code = models.BooleanField(
        default=False, db_default=False, help_text="Whether an admin allowed that code, for this exact revision."
    )
    code_decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The last time."
    )
    code_decided_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
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

    @property
    def change_words(self) -> str:
        """What it changes of the revision before it, for people."""
        return CHANGE_WORDS[ChangeKind(self.change)]
