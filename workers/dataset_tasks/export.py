"""The task that makes a file to download; `finetune_app/datasets/services/download_rows.py` asks for it."""

from pathlib import Path
from typing import Any

from finetune_app.datasets.models import DatasetTask
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.dataset_tasks.place_rows import place_rows
from workers.row_exporter.names import FORMAT_NAME, RESULT_NAME, TOTAL_NAME
from workers.task_program import TaskProgram


def prepare(task: DatasetTask, folder: Path) -> None:
    """Place the rows, and say which format is wanted."""
    place_rows(task.version, folder)
    (folder / FORMAT_NAME).write_text(task.params["format"])
    (folder / TOTAL_NAME).write_text(str(task.version.rows))


def keep(task: DatasetTask, folder: Path, facts: dict[str, Any]) -> None:
    """Store the file."""
    blob = blobs.put_file(folder / RESULT_NAME)
    run_task.succeed(task, {"sha256": blob.sha256, "size": blob.size, "rows": facts["rows"]})


EXPORT = TaskProgram(module="workers.row_exporter", prepare=prepare, keep=keep)
