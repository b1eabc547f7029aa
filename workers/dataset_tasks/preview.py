"""PREVIEW: one row as a base sees it; params `{"base_revision": its key, "row": number, "loss_on": …}`."""

import json
from pathlib import Path
from typing import Any

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.services.look_at_rows import index_of, read_row
from finetune_app.inspection.choice import USUAL_LOSS
from finetune_app.storage import blobs
from finetune_app.work import run_task
from finetune_app.work.states import TaskState
from workers.dataset_tasks.place_rows import place_rows
from workers.dataset_tasks.place_tokenizer import place_tokenizer
from workers.dataset_tasks.rows_spec import ROWS_SPEC_NAME, RowsSpec
from workers.task_program import TaskProgram
from workers.token_reporter.spec import PREVIEW_FILE, TokenSpec

ROW_NAME = "row.json"
RESULT_BYTES = 200_000  # what is larger is a blob


def prepare(task: DatasetTask, run_folder: Path) -> None:
    """Lay out the row (all rows, when nobody knows yet where it lies), tokenizer and order."""
    may_run_code = place_tokenizer(task, run_folder)
    if not _place_row(task, run_folder):
        place_rows(task.version, run_folder)
    order = TokenSpec(
        rows=task.version.rows,
        row=task.params["row"],
        loss_on=task.params.get("loss_on", USUAL_LOSS),
        trust_remote_code=may_run_code,
    )
    order.save(run_folder)


def _place_row(task: DatasetTask, run_folder: Path) -> bool:
    """Place the row alone, as the version's index finds it; False when that is not there or does not have it."""
    index, number = index_of(task.version), task.params["row"]
    if index is None or index.state != TaskState.SUCCEEDED:
        return False
    try:
        content = read_row(index, number)
    except (blobs.BlobMissing, blobs.BlobDamaged):
        return False  # the version's own file may still be whole
    if content is None:
        return False
    (run_folder / ROW_NAME).write_bytes(content)
    spec = RowsSpec(
        rows_file=Path(ROW_NAME),
        file_format=FileFormat.JSONL,
        row_form=RowForm(task.version.row_form),
        only_row=number,
    )
    (run_folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())
    return True


def keep(task: DatasetTask, run_folder: Path, _facts: dict[str, Any]) -> None:
    """The row itself, or the blob that holds it."""
    path = run_folder / PREVIEW_FILE
    if path.stat().st_size > RESULT_BYTES:
        run_task.succeed(task, {"blob": blobs.put_file(path).sha256})
    else:
        run_task.succeed(task, {"shown": json.loads(path.read_text())})


PREVIEW = TaskProgram("workers.token_reporter.preview", prepare, keep)
