"""Versions for the token tests, and token tasks done in this process: laid out, counted and kept by the same functions, without starting a child."""

import tempfile
from pathlib import Path
from typing import Any

from finetune_app.accounts.access import Access
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.datasets.task_states import TaskKind
from finetune_app.jobs.causes import SENTENCES
from finetune_app.work import run_task
from tests.datasets.makers import jsonl, upload_file
from workers.child import ChildFailure
from workers.dataset_tasks.registry import PROGRAMS
from workers.token_reporter.count import count
from workers.token_reporter.preview import preview

BODIES = {TaskKind.TOKENS: count, TaskKind.PREVIEW: preview}


def upload_rows(access: Access, name: str, *rows: Any) -> DatasetVersion:
    """A version of these rows, its bad ones left out; what an upload has made by itself is not asked for here."""
    version, _ = upload_dataset(access, name=name, file=upload_file(jsonl(*rows)), leave_out_bad_rows=True)
    DatasetTask.objects.all().delete()
    return version


def finish_tasks() -> None:
    """Do all tasks that wait."""
    while task := run_task.claim_next_task("light@test"):
        assert isinstance(task, DatasetTask)
        kind = TaskKind(task.kind)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            PROGRAMS[kind].prepare(task, folder)
            try:
                facts = BODIES[kind](folder)
            except ChildFailure as failure:
                run_task.fail(task, failure.cause.value, f"{SENTENCES[failure.cause]} {failure.detail}")
            else:
                PROGRAMS[kind].keep(task, folder, facts)
