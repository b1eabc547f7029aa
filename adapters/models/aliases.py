"""Movable names for versions, and every move that they made."""

from django.conf import settings
from django.db import models

from adapters.models.versions import Adapter, AdapterVersion


class Alias(models.Model):
    """A movable name for a version of an adapter. It moves only through `services/move_alias.py`."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=50)
    version = models.ForeignKey(AdapterVersion, on_delete=models.PROTECT, related_name="aliases")
    moves = models.PositiveIntegerField(default=1, help_text="How often it was moved; its ETag.")
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adapter", "name"], name="alias_in_adapter")]

    def __str__(self) -> str:
        return f"{self.adapter.name}@{self.name}"


class AliasMove(models.Model):
    """One move of an alias: kept for good, also when the alias is gone. Versions are kept as numbers."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="alias_moves")
    name = models.CharField(max_length=50)
    from_number = models.PositiveIntegerField(null=True, help_text="null: it was made.")
    to_number = models.PositiveIntegerField(null=True, help_text="null: it was taken away.")
    reason = models.CharField(max_length=500, blank=True)
    undoes = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="undone_by")
    moved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    moved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["adapter", "-id"], name="alias_move_newest")]

    def __str__(self) -> str:
        return f"{self.name}: {self.from_number} → {self.to_number}"
