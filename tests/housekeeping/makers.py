"""A light worker for the tests: it carries out the newest task of keeping house."""

from django.utils import timezone

from adapters.models import RegistryTask
from adapters.states import RegistryTaskKind
from finetune_app.accounts.models import Workspace
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from workers.run_worker_task import run_worker_task


def run_tidying() -> RegistryTask:
    """Carry out the one that waits."""
    waiting = RegistryTask.objects.filter(kind=RegistryTaskKind.TIDY, state=TaskState.QUEUED)
    task = waiting.get()
    waiting.update(state=TaskState.RUNNING, worker="light@test", tries=task.tries + 1, heartbeat_at=timezone.now())
    task.refresh_from_db()
    run_worker_task(task)
    task.refresh_from_db()
    return task


def name_something() -> str:
    """A blob that a row names: without any, a storage counts as another database's."""
    blob = blobs.put_bytes(b"named")
    workspace, _ = Workspace.objects.get_or_create(slug="team", defaults={"name": "Team"})
    RegistryTask.objects.create(workspace=workspace, kind=RegistryTaskKind.DELTAS, key="x", result={"a": blob.sha256})
    return blob.sha256
