"""A merge on a training worker with the real children: to its verdict, stopped while it runs, after a lost worker."""

import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from finetune_app.merges.models import MergedModel
from finetune_app.merges.services.cancel_merge import cancel_merge
from finetune_app.merges.services.request_merge import request_merge
from finetune_app.work.run_task import claim_next_task, give_up_tasks_of, sweep_tasks
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.merges.makers import write_fitting_adapter
from workers.run_worker_task import run_worker_task

pytestmark = pytest.mark.django_db(transaction=True)
WORKER = "train@here"


@pytest.fixture
def asked(cast, tiny_base, tmp_path):
    """A merge that waits: of an adapter that fits the tiny base, in float32."""
    version = make_version(tiny_base, write_fitting_adapter(tmp_path / "adapter"), user=cast.editor)
    return request_merge(cast.access(cast.editor), version, options={"dtype": "float32"})


def claim():
    found = claim_next_task(WORKER, on_gpu=True)
    assert isinstance(found, MergedModel)
    return found


def test_a_merge_is_written_proven_and_kept(cast, asked):
    run_worker_task(claim())
    found = MergedModel.objects.get()
    assert (found.state, found.error) == (TaskState.SUCCEEDED, "")
    report = cast.api(cast.viewer).get("/api/v1/adapters/adder/versions/1/merged/1/report").json()
    assert [gate for gate in report["gates"] if not gate["passed"]] == []
    assert (found.verdict, len(report["prompts"])) == ("verified", 64)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file["path"] for file in found.files}
    page = cast.client(cast.viewer).get("/w/team/adapters/adder/v/1/merged/1/")
    assert "The merged model answers as base with adapter do" in page.content.decode()


def test_one_that_is_stopped_while_it_runs_leaves_nothing(cast, asked):
    work = claim()

    def run():
        try:
            run_worker_task(work)
        finally:
            connection.close()

    worker = threading.Thread(target=run)
    worker.start()
    folder = settings.WORK_FOLDER / "tasks" / f"mergedmodel-{work.pk}-{work.tries}"
    end = time.monotonic() + 20
    while not (folder / "spec.json").exists() and time.monotonic() < end:
        time.sleep(0.05)
    cancel_merge(cast.access(cast.editor), MergedModel.objects.get())
    worker.join(timeout=30)
    assert not worker.is_alive()
    found = MergedModel.objects.get()
    assert (found.state, found.error_code, found.files, found.report_sha256) == (TaskState.FAILED, "cancelled", [], "")
    assert not folder.exists()


def test_one_whose_worker_fell_silent_is_queued_again_and_given_up_the_second_time(asked):
    claim()
    silent = timezone.now() - timedelta(seconds=settings.LOST_AFTER_SECONDS + 1)
    MergedModel.objects.update(heartbeat_at=silent)
    sweep_tasks()
    assert MergedModel.objects.get().state == TaskState.QUEUED
    assert claim().tries == 2
    give_up_tasks_of(WORKER)
    found = MergedModel.objects.get()
    assert (found.state, found.error_code) == (TaskState.FAILED, "worker_lost")
