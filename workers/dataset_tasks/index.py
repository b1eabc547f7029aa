"""The task that makes a version's rows quick to look at: `finetune_app/datasets/services/look_at_rows.py` uses it."""

from pathlib import Path
from typing import Any

from finetune_app.datasets.models import DatasetTask
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.dataset_tasks.place_rows import place_rows
from workers.row_indexer.names import INDEX_NAME, OWN_ROWS_NAME, SEARCH_NAME, TOTAL_NAME
from workers.task_program import TaskProgram


def prepare(task: DatasetTask, folder: Path) -> None:
    """Place the rows."""
    place_rows(task.version, folder)
    (folder / TOTAL_NAME).write_text(str(task.version.rows))


def keep(task: DatasetTask, folder: Path, facts: dict[str, Any]) -> None:
    """Store the files; `rows_blob` is where the index' offsets point into."""
    own_rows = folder / OWN_ROWS_NAME
    found = {
        "index_blob": blobs.put_file(folder / INDEX_NAME).sha256,
        "search_blob": blobs.put_file(folder / SEARCH_NAME).sha256,
        "rows_blob": blobs.put_file(own_rows).sha256 if own_rows.exists() else task.version.sha256,
    }
    run_task.succeed(task, facts | found)


INDEX = TaskProgram(module="workers.row_indexer", prepare=prepare, keep=keep)
