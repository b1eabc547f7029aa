"""The task that checks a dataset version's rows."""

from pathlib import Path
from typing import Any

import msgspec

from finetune_app.datasets.findings import FINDINGS_NAME, SUMMARY_NAME, FindingsSummary
from finetune_app.datasets.models import DatasetTask
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.dataset_tasks.place_rows import place_rows
from workers.task_program import TaskProgram

COUNT_NAME = "count.json"


def _prepare(task: DatasetTask, folder: Path) -> None:
    place_rows(task.version, folder)
    (folder / COUNT_NAME).write_text(f'{{"rows": {task.version.rows}}}')


def _keep(task: DatasetTask, folder: Path, facts: dict[str, Any]) -> None:
    """Both files as blobs, the counts in the result itself."""
    content = (folder / SUMMARY_NAME).read_bytes()
    summary = msgspec.json.decode(content, type=FindingsSummary)
    found = {
        "findings": blobs.put_file(folder / FINDINGS_NAME).sha256,
        "summary": blobs.put_bytes(content).sha256,
        "rows": summary.rows,
        "rows_found": facts["rows_found"],
        "counts": {code.value: found.rows for code, found in summary.codes.items()},
        "groups": {code.value: found.groups for code, found in summary.codes.items() if found.groups},
    }
    run_task.succeed(task, found)


FINDINGS = TaskProgram("workers.findings", _prepare, _keep)
