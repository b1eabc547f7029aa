"""Work on a dataset version: asked for once, done once, taken up again when its worker is lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.services.request_task import find_task, request_task
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import WorkOver
from finetune_app.work import run_task
from finetune_app.work.states import TaskState
from tests.datasets.makers import chat, jsonl, upload_file


@pytest.fixture
def version(cast):
    """A version for which nothing is queued yet; on its own, every version is indexed and checked."""
    version, _ = upload_dataset(cast.access(cast.editor), name="support", file=upload_file(jsonl(chat())))
    version.tasks.all().delete()
    return version


@pytest.fixture
def task(version):
    return request_task(version, TaskKind.INDEX)


def state_of(task: DatasetTask) -> str:
    return DatasetTask.objects.get(pk=task.pk).state


def test_asking_twice_is_asking_once(version):
    first = request_task(version, TaskKind.TOKENS, {"base": 1, "length": 5})
    assert request_task(version, TaskKind.TOKENS, {"length": 5, "base": 1}) == first
    assert request_task(version, TaskKind.TOKENS, {"base": 2, "length": 5}) != first
    assert find_task(version, TaskKind.TOKENS, {"base": 1, "length": 5}) == first
    assert find_task(version, TaskKind.PREVIEW) is None


def test_a_task_is_claimed_once_and_keeps_its_result(task):
    claimed = run_task.claim_next_task("light@a")
    assert claimed == task
    assert run_task.claim_next_task("light@b") is None
    run_task.beat(claimed, done=3, total=7)
    run_task.succeed(claimed, {"rows": 7})
    assert (claimed.state, claimed.done, claimed.result) == (TaskState.SUCCEEDED, 3, {"rows": 7})
    assert request_task(task.version, TaskKind.INDEX).state == TaskState.SUCCEEDED


def test_a_failed_task_is_tried_again_when_somebody_asks(task):
    run_task.fail(run_task.claim_next_task("light@a"), "crashed", "It broke.")
    assert find_task(task.version, TaskKind.INDEX).error == "It broke."
    again = request_task(task.version, TaskKind.INDEX)
    assert (again.pk, again.state, again.error) == (task.pk, TaskState.QUEUED, "")


def test_a_failed_task_stays_so_for_whoever_only_looks(task):
    run_task.fail(run_task.claim_next_task("light@a"), "crashed", "It broke.")
    seen = request_task(task.version, TaskKind.INDEX, again=False)
    assert (seen.pk, seen.state, seen.error) == (task.pk, TaskState.FAILED, "It broke.")
    assert request_task(task.version, TaskKind.TOKENS, again=False).state == TaskState.QUEUED


def test_what_a_lost_worker_says_later_does_not_count(task):
    slow = run_task.claim_next_task("light@a")
    run_task.give_up_tasks_of("light@a")
    second = run_task.claim_next_task("light@a")
    with pytest.raises(WorkOver):
        run_task.beat(slow)
    with pytest.raises(WorkOver):
        run_task.succeed(slow, {})
    run_task.succeed(second, {"rows": 1})


def test_a_task_that_loses_its_worker_twice_fails(task):
    for _ in range(2):
        claimed = run_task.claim_next_task("light@a")
        DatasetTask.objects.filter(pk=claimed.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=5))
        run_task.sweep_tasks()
    found = DatasetTask.objects.get(pk=task.pk)
    assert (found.state, found.error_code) == (TaskState.FAILED, "worker_lost")


def test_a_worker_that_ends_gives_its_task_back(task):
    for _ in range(4):
        run_task.give_back(run_task.claim_next_task("light@a"))
    assert state_of(task) == TaskState.QUEUED
