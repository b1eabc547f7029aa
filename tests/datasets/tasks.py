"""Runs queued dataset tasks of one version with their real child programs, as a light worker would."""

import json
from typing import Any

from django.test import Client
from django.utils import timezone

from finetune_app.datasets.models import Dataset, DatasetTask, DatasetVersion
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from tests.cast import Cast
from tests.datasets.makers import jsonl, upload_file
from workers.run_worker_task import run_worker_task


def run_task(task: DatasetTask) -> DatasetTask:
    """Carry out this task alone, whatever else is queued."""
    DatasetTask.objects.filter(pk=task.pk, state=TaskState.QUEUED).update(
        state=TaskState.RUNNING, worker="light@test", tries=task.tries + 1, heartbeat_at=timezone.now()
    )
    task.refresh_from_db()
    run_worker_task(task)
    task.refresh_from_db()
    return task


def run_task_at(client: Client, url: str) -> dict[str, Any]:
    """Carry out the task that REST gave this address for; how it ended."""
    run_task(DatasetTask.objects.get(pk=int(url.rpartition("/")[2])))
    answer: dict[str, Any] = client.get(url).json()
    return answer


def put(cast: Cast, name: str, *rows: Any) -> DatasetVersion:
    """Upload rows as the editor."""
    return upload_dataset(cast.access(cast.editor), name=name, file=upload_file(jsonl(*rows)))[0]


def put_old_array(cast: Cast, name: str, *rows: Any) -> DatasetVersion:
    """A version as it was kept formerly: one JSON array, in which row 2 is bad and was left out."""
    content = json.dumps([rows[0], {"text": 1}, *rows[1:]], indent=1).encode()
    blob = blobs.put_bytes(content)
    dataset, _ = Dataset.objects.get_or_create(workspace=cast.team, name=name)
    return dataset.versions.create(
        number=dataset.versions.count() + 1,
        sha256=blob.sha256,
        size=blob.size,
        file_name="rows.json",
        file_format="json",
        row_form="chat",
        rows=len(rows),
        bad_rows=[{"row": 2, "reason": "It has another form."}],
        created_by=cast.editor,
    )
