"""PREVIEW: one row as a base sees it; params `{"base_revision": its key, "row": number}`."""

import json
from pathlib import Path
from typing import Any

from finetune_app.datasets.models import DatasetTask
from finetune_app.storage import blobs
from workers.dataset_tasks.place_rows import place_rows
from workers.dataset_tasks.place_tokenizer import place_tokenizer
from workers.dataset_tasks.program import TaskProgram
from workers.token_reporter.spec import PREVIEW_FILE, TokenSpec

RESULT_BYTES = 200_000  # what is larger is a blob


def prepare(task: DatasetTask, run_folder: Path) -> None:
    """Lay out rows, tokenizer and order."""
    place_tokenizer(task, run_folder)
    place_rows(task.version, run_folder)
    TokenSpec(rows=task.version.rows, row=task.params["row"]).save(run_folder)


def keep(_task: DatasetTask, run_folder: Path, _facts: dict[str, Any]) -> dict[str, Any]:
    """The row itself, or the blob that holds it."""
    path = run_folder / PREVIEW_FILE
    if path.stat().st_size > RESULT_BYTES:
        return {"blob": blobs.put_file(path).sha256}
    return {"shown": json.loads(path.read_text())}


PREVIEW = TaskProgram("workers.token_reporter.preview", prepare, keep)
