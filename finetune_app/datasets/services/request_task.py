"""Ask for something to be made of a dataset version; asking again gives the same task."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from finetune_app.accounts.models import User
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.task_states import TaskKind
from finetune_app.work.states import TaskState
from finetune_app.work.wake_light_workers import wake_light_workers


def request_task(
    version: DatasetVersion,
    kind: TaskKind,
    params: Mapping[str, Any] | None = None,
    *,
    user: User | None = None,
    again: bool = True,
) -> DatasetTask:
    """The task of this kind with these params: as it stands, queued when it is new, and queued again when it failed.

    Args:
        version: the dataset version that the caller has reached.
        kind: what to make.
        params: what makes this task differ from others of its kind; JSON.
        user: who asks.
        again: False leaves a task that failed as it is, so that whoever asks how far it is sees that.
    """
    values = dict(params or {})
    key = task_key(kind, values)
    with transaction.atomic():
        task, is_new = DatasetTask.objects.get_or_create(
            version=version, key=key, defaults={"kind": kind, "params": values, "created_by": user}
        )
        queued_again = again and not is_new and _queue_again(task)
        if is_new or queued_again:
            transaction.on_commit(wake_light_workers)
    return task


def find_task(version: DatasetVersion, kind: TaskKind, params: Mapping[str, Any] | None = None) -> DatasetTask | None:
    """The task as it stands, when somebody has asked for it."""
    return DatasetTask.objects.filter(version=version, key=task_key(kind, dict(params or {}))).first()


def task_key(kind: TaskKind, params: Mapping[str, Any]) -> str:
    """What the task is known by within its version."""
    return hashlib.sha256(json.dumps([kind, dict(params)], sort_keys=True).encode()).hexdigest()


def _queue_again(task: DatasetTask) -> bool:
    again = DatasetTask.objects.filter(pk=task.pk, state=TaskState.FAILED).update(
        state=TaskState.QUEUED, error="", error_code="", done=0, total=0, losses=0, finished_at=None
    )
    if again:
        task.refresh_from_db()
    return bool(again)
