"""The task that compares a version with another one: `finetune_app/datasets/services/compare_versions.py` uses it."""

from pathlib import Path
from typing import Any

from finetune_app.datasets.comparison import Group
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.dataset_tasks.place_rows import place_rows
from workers.row_differ.names import AFTER, BEFORE, OWN_ROWS_NAME, TOTAL_NAME, places_name
from workers.task_program import TaskProgram


def prepare(task: DatasetTask, folder: Path) -> None:
    """Place the rows of both versions.

    Raises:
        UserError: the other version was deleted since.
    """
    versions = {BEFORE: _before(task), AFTER: task.version}
    for name, version in versions.items():
        (folder / name).mkdir()
        place_rows(version, folder / name)
    (folder / TOTAL_NAME).write_text(str(sum(version.rows for version in versions.values())))


def keep(task: DatasetTask, folder: Path, facts: dict[str, Any]) -> None:
    """Store the places of the rows; `rows` says in which blobs the places lie."""
    found = {
        "counts": facts,
        "places": {group.value: blobs.put_file(folder / places_name(group)).sha256 for group in Group},
        "rows": {
            name: _rows_blob(folder / name / OWN_ROWS_NAME, sha256)
            for name, sha256 in ((BEFORE, task.params["sha256"]), (AFTER, task.version.sha256))
        },
    }
    run_task.succeed(task, found)


def _before(task: DatasetTask) -> DatasetVersion:
    number, sha256 = task.params["from"], task.params["sha256"]
    found = task.version.dataset.versions.filter(number=number, sha256=sha256).first()
    if found is None:
        raise UserError("version_deleted", f"Version {number} was deleted in the meantime. Compare with another one.")
    return found


def _rows_blob(own_rows: Path, sha256: str) -> str:
    return blobs.put_file(own_rows).sha256 if own_rows.exists() else sha256


DIFF = TaskProgram(module="workers.row_differ", prepare=prepare, keep=keep)
