"""Rows that the job tests start from."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.models import BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import User, Workspace
from finetune_app.datasets.models import Dataset, DatasetVersion
from finetune_app.jobs.events import CheckpointEvent, Event, LogEvent, Record
from finetune_app.jobs.models import Attempt, Checkpoint, Job
from finetune_app.jobs.services.create_job import create_job
from finetune_app.jobs.services.keep_checkpoint import keep_checkpoint
from finetune_app.storage import blobs

ROWS = b'{"prompt": "2+2?", "completion": "4"}\n{"prompt": "3+3?", "completion": "6"}\n'


def make_version(workspace: Workspace, user: User, name: str = "sums") -> DatasetVersion:
    """A dataset version of two rows whose blob is in the storage."""
    blob = blobs.put_bytes(ROWS)
    dataset, _ = Dataset.objects.get_or_create(workspace=workspace, name=name)
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=dataset.versions.count() + 1,
        sha256=blob.sha256,
        size=blob.size,
        file_name="sums.jsonl",
        file_format="jsonl",
        row_form="prompt_completion",
        rows=2,
        created_by=user,
    )


def make_job(access: Access, base: BaseRevision, **config: object) -> Job:
    """A queued job of `access.user` for the adapter `adder`."""
    if not Dataset.objects.filter(workspace=access.workspace, name="sums").exists():
        make_version(access.workspace, access.user)
    return create_job(access, adapter="adder", dataset="sums", base_model=base.base_model.name, config=config)


def records(attempt: Attempt, *events: Event | str) -> list[Record]:
    """The next records of the attempt; a string stands for a log line."""
    return [
        Record(
            attempt=attempt.number,
            number=attempt.last_number + 1 + index,
            time=time.time(),
            event=LogEvent(text=event) if isinstance(event, str) else event,
        )
        for index, event in enumerate(events)
    ]


def make_checkpoint(attempt: Attempt, step: int, *, best: bool = False, loss: float | None = None) -> Checkpoint:
    """A checkpoint of the running attempt, with two files in the storage."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run.json").write_text(f'{{"step": {step}}}')
        (folder / "best").mkdir()
        (folder / "best" / "state.json").write_text(f"best up to {step}")
        event = CheckpointEvent(step=step, folder="checkpoints", best=best, loss=loss)
        return keep_checkpoint(attempt, event, folder)
