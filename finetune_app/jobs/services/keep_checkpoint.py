"""Keep a checkpoint of a running attempt: its files as blobs first, then the row that says that they are there."""

from pathlib import Path

from django.db import transaction
from django.utils import timezone

from finetune_app.jobs.events import CheckpointEvent
from finetune_app.jobs.models import Attempt, Checkpoint
from finetune_app.jobs.services.record_events import AttemptOver
from finetune_app.jobs.states import AttemptState
from finetune_app.storage import blobs

KEPT = 2  # the one before is there for when the newest turns out to be damaged


def keep_checkpoint(attempt: Attempt, event: CheckpointEvent, folder: Path) -> Checkpoint:
    """Store the files in `folder`; older checkpoints of the job go, but for the one before and the best.

    Raises:
        AttemptOver: the attempt is no longer running.
        blobs.BlobDamaged: a file changed while it was stored.
        OSError: the storage is full.
    """
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = blobs.put_file(path)
        files.append({"path": path.relative_to(folder).as_posix(), "size": blob.size, "sha256": blob.sha256})
    with transaction.atomic():
        # Writes the attempt's row, so that nobody can end it before this is committed.
        is_running = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.RUNNING).update(
            heartbeat_at=timezone.now()
        )
        if not is_running:
            raise AttemptOver
        if event.best:
            Checkpoint.objects.filter(job=attempt.job_id, best=True).update(best=False)
        checkpoint, _ = Checkpoint.objects.update_or_create(
            job_id=attempt.job_id, step=event.step, defaults={"files": files, "best": event.best, "loss": event.loss}
        )
        newest = Checkpoint.objects.filter(job=attempt.job_id).order_by("-step").values_list("pk", flat=True)[:KEPT]
        Checkpoint.objects.filter(job=attempt.job_id, best=False).exclude(pk__in=[*newest, checkpoint.pk]).delete()
    return checkpoint
