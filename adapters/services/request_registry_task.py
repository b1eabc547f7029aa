"""Ask a worker for something about versions or bases; asking again gives the same task."""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction

from adapters.models import RegistryTask
from adapters.states import RegistryTaskKind
from finetune_app.accounts.models import User, Workspace
from finetune_app.work import run_task


def request_registry_task(
    workspace: Workspace,
    kind: RegistryTaskKind,
    params: Mapping[str, Any] | None = None,
    *,
    user: User | None = None,
    again: bool = True,
) -> RegistryTask:
    """The task of this kind with these params: as it stands, queued when it is new, and queued again when it failed.

    Args:
        workspace: whose it is.
        kind: what to do.
        params: what makes this task differ from others of its kind; JSON. What shall be done anew each time has
            something in them that is new each time.
        user: who asks.
        again: False leaves a task that failed as it is, so that whoever asks how far it is sees that.
    """
    values = dict(params or {})
    with transaction.atomic():
        task, is_new = RegistryTask.objects.get_or_create(
            workspace=workspace,
            key=registry_task_key(kind, values),
            defaults={"kind": kind, "params": values, "created_by": user},
        )
        queued_again = again and not is_new and run_task.queue_again(task)
        if is_new or queued_again:
            transaction.on_commit(partial(run_task.wake_for, task))
    return task


def find_registry_task(
    workspace: Workspace, kind: RegistryTaskKind, params: Mapping[str, Any] | None = None
) -> RegistryTask | None:
    """The task as it stands, when somebody has asked for it."""
    key = registry_task_key(kind, dict(params or {}))
    return RegistryTask.objects.filter(workspace=workspace, key=key).first()


def registry_task_key(kind: RegistryTaskKind, params: Mapping[str, Any]) -> str:
    """What the task is known by within its workspace."""
    return hashlib.sha256(json.dumps([kind, dict(params)], sort_keys=True).encode()).hexdigest()
