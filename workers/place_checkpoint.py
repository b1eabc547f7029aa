"""Lays out the checkpoint that an attempt goes on from: the newest that is whole."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from finetune_app.jobs.events import LogEvent
from finetune_app.jobs.models import Checkpoint, Job
from finetune_app.storage import blobs
from workers.relay import Relay

log = logging.getLogger(__name__)
FOLDER = "resume"


def place_checkpoint(job: Job, run_folder: Path, relay: Relay) -> int:
    """Put the files into `run_folder/resume`; the step that they go on from, 0 when there is nothing to go on from.

    One whose files are missing or damaged in the storage is given up, and the one before is taken.
    """
    for checkpoint in _candidates(job):
        folder = run_folder / FOLDER
        try:
            for file in checkpoint.files:
                blobs.place(file["sha256"], folder / file["path"])
        except (blobs.BlobMissing, blobs.BlobDamaged) as error:
            log.warning("%s is not whole: blob %s", checkpoint, error)
            shutil.rmtree(folder, ignore_errors=True)
            text = f"The checkpoint at step {checkpoint.step} is not whole in the storage, so it is not used."
            relay.say(LogEvent(level="warning", text=text))
            if checkpoint.job_id == job.pk:
                checkpoint.delete()
            continue
        relay.log(f"Goes on from step {checkpoint.step}.")
        return checkpoint.step
    return 0


def _candidates(job: Job) -> Iterator[Checkpoint]:
    """The job's own, newest first, then the one that it was begun at."""
    yield from Checkpoint.objects.filter(job=job).order_by("-step")
    if job.starts_at:
        yield job.starts_at
