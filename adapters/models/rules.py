"""What a workspace decides about its registry: which versions stay, and what its links are bound to."""

from django.db import models

from finetune_app.accounts.models import Workspace


class RetentionRule(models.Model):
    """Which adapter versions a workspace keeps; nothing is taken that has an alias or that something depends on."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="retention_rule")
    keep_last = models.PositiveIntegerField(null=True, help_text="Versions of each adapter; null: all of them.")
    keep_days = models.PositiveIntegerField(null=True, help_text="Younger ones stay in any case; null: no matter.")
    is_on = models.BooleanField(default=False, help_text="Whether it is carried out each day, or only on demand.")
    last_run_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"retention in {self.workspace}"


class LinkKey(models.Model):
    """What the links of a workspace are bound to (see `signed_links.py`): another number, and none of them works."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="link_key")
    number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"links of {self.workspace}"
