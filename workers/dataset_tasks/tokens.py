"""TOKENS: how many tokens each row has for a base; params `{"base_revision": its key}`."""

from pathlib import Path
from typing import Any

from finetune_app.datasets.models import DatasetTask
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.dataset_tasks.place_rows import place_rows
from workers.dataset_tasks.place_tokenizer import place_tokenizer
from workers.task_program import TaskProgram
from workers.token_reporter.spec import LENGTHS_FILE, TokenSpec


def prepare(task: DatasetTask, run_folder: Path) -> None:
    """Lay out rows, tokenizer and order."""
    may_run_code = place_tokenizer(task, run_folder)
    place_rows(task.version, run_folder)
    TokenSpec(rows=task.version.rows, trust_remote_code=may_run_code).save(run_folder)


def keep(task: DatasetTask, run_folder: Path, facts: dict[str, Any]) -> None:
    """Store the lengths; the result names their blob."""
    run_task.succeed(task, {"lengths": blobs.put_file(run_folder / LENGTHS_FILE).sha256, **facts})


TOKENS = TaskProgram("workers.token_reporter.count", prepare, keep)
