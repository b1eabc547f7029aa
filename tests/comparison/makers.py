"""Versions to compare, and the worker that measures how they changed the weights."""

from pathlib import Path

from django.utils import timezone

from adapters.models import AdapterVersion, BaseRevision, RegistryTask
from finetune_app.work.states import TaskState
from tests.adapters.makers import SCORES, make_version, write_adapter
from workers.run_worker_task import run_worker_task

BETTER = SCORES | {"tuned": {"exact_match": 0.9666, "token_accuracy": 0.995, "loss": 0.05}}


def make_two(base: BaseRevision, folder: Path) -> tuple[AdapterVersion, AdapterVersion]:
    """`adder@1` and `adder@2`, whose rank, learning rate, scores and weights differ."""
    write_adapter(folder / "1", seed=1)
    write_adapter(folder / "2", seed=2, rank=4)
    config = {"r": 4, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "learning_rate": 1e-3}
    first = make_version(base, folder / "1", key="job-1")
    second = make_version(base, folder / "2", key="job-2", config=config, scores=BETTER)
    return first, second


def run_registry_task() -> RegistryTask:
    """Carry out the one that is queued with its real child program, as a light worker would."""
    task = RegistryTask.objects.get(state=TaskState.QUEUED)
    RegistryTask.objects.filter(pk=task.pk).update(
        state=TaskState.RUNNING, worker="light@test", tries=task.tries + 1, heartbeat_at=timezone.now()
    )
    task.refresh_from_db()
    run_worker_task(task)
    task.refresh_from_db()
    return task
