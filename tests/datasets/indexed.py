"""Versions whose rows a real worker's child has indexed.

They are written without an upload, so that they can also be such as older Graft kept them: one JSON array, or lines
among which bad rows are left out.
"""

import json
from typing import Any

from finetune_app.datasets.formats import BadRow, FileFormat
from finetune_app.datasets.models import Dataset, DatasetVersion
from finetune_app.datasets.preview import bad_row_details, preview
from finetune_app.datasets.rows import RowReader
from finetune_app.datasets.services.request_task import request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.storage import blobs
from finetune_app.work import run_task
from finetune_app.work.states import TaskState
from tests.cast import Cast
from tests.datasets.makers import jsonl
from workers.run_worker_task import run_worker_task


def put(cast: Cast, *rows: Any, array: str = "") -> DatasetVersion:
    """The rows as the next version of `support`, asked to be indexed; `array` is the text of a JSON array instead."""
    reader = RowReader()
    values = rows or json.loads(array, parse_float=str)
    read = [reader.from_bytes(number, json.dumps(row).encode()) for number, row in enumerate(values, start=1)]
    bad = [row for row in read if isinstance(row, BadRow)]
    blob = blobs.put_bytes(array.encode() or jsonl(*rows))
    dataset = Dataset.objects.get_or_create(workspace=cast.team, name="support")[0]
    version: DatasetVersion = dataset.versions.create(
        number=dataset.versions.count() + 1,
        sha256=blob.sha256,
        size=blob.size,
        file_name="rows.json",
        file_format=FileFormat.JSON if array else FileFormat.JSONL,
        row_form=reader.form,
        rows=len(read) - len(bad),
        bad_rows=bad_row_details(bad),
        first_rows=[preview(row) for row in read if not isinstance(row, BadRow)][:5],
    )
    request_task(version, TaskKind.INDEX)
    return version


def indexed(cast: Cast, *rows: Any, array: str = "") -> DatasetVersion:
    """The same, and a worker has done it."""
    version = put(cast, *rows, array=array)
    task = run_task.claim_next_task("light@test")
    assert task is not None
    run_worker_task(task)
    task.refresh_from_db()
    assert task.state == TaskState.SUCCEEDED, task.error
    return version
