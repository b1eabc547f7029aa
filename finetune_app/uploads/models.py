"""Uploads under way."""

import uuid
from pathlib import Path

from django.conf import settings
from django.db import models

from finetune_app.accounts.models import Workspace


class Upload(models.Model):
    """One file that is sent in pieces: `received` of `size` bytes lie in its part file on this machine."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="uploads")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    file_name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField(help_text="Bytes, as announced.")
    received = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True, help_text="When the last piece came.")

    def __str__(self) -> str:
        return f"{self.file_name} ({self.received} of {self.size} bytes)"

    @property
    def path(self) -> Path:
        """Where its bytes lie."""
        folder: Path = settings.UPLOAD_FOLDER
        return folder / str(self.id)

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are here."""
        return self.received == self.size
