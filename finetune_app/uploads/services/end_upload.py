"""Remove an upload: it became something else, was given up, or lay too long."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from finetune_app.storage import incoming
from finetune_app.uploads.models import Upload

KEPT = timedelta(days=2)  # after its last piece


def remove_upload(upload: Upload) -> None:
    """Delete row and bytes; one that was removed or became an import meanwhile stays as it is.

    As long as the row is there no import has the bytes, so what lies in the storage under its id was left by a process
    that died while it handed them over.
    """
    removed, _ = Upload.objects.filter(pk=upload.pk).delete()
    if removed:
        upload.path.unlink(missing_ok=True)
        incoming.discard(str(upload.pk))


def expires_at(upload: Upload) -> datetime:
    """Until when the upload can go on."""
    return upload.touched_at + KEPT


def sweep_uploads() -> None:
    """Remove those that nobody went on with, and bytes on this machine whose row is gone with its workspace."""
    for upload in Upload.objects.filter(touched_at__lt=timezone.now() - KEPT):
        remove_upload(upload)
    oldest = time.time() - KEPT.total_seconds()
    for path in settings.UPLOAD_FOLDER.glob("*"):
        if path.stat().st_mtime < oldest and not Upload.objects.filter(pk=path.name).exists():
            path.unlink(missing_ok=True)
