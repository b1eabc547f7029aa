"""A checkpoint is kept whole or not at all, and the newest whole one is gone on from, on any worker."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from finetune_app.jobs.events import CheckpointEvent
from finetune_app.jobs.models import Attempt, Checkpoint, Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.read_records import read_records
from finetune_app.jobs.services.record_events import AttemptOver
from finetune_app.jobs.services.sweep import sweep
from finetune_app.jobs.states import AttemptState, JobState
from finetune_app.storage import blobs
from tests.jobs.makers import make_checkpoint, make_job
from workers.keeper import Keeper
from workers.place_checkpoint import place_checkpoint
from workers.relay import Relay

pytestmark = pytest.mark.usefixtures("live_redis")


@pytest.fixture
def attempt(cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    return claim_next_job("w")


def place(attempt: Attempt, folder: Path) -> int:
    relay = Relay(attempt)
    step = place_checkpoint(Job.objects.get(pk=attempt.job_id), folder, relay)
    relay.flush()
    return step


def texts(attempt: Attempt) -> list[str]:
    return [record.event.text for record in read_records(attempt.job) if record.event.type == "log"]


def test_the_newest_is_placed_as_it_was(attempt, tmp_path):
    make_checkpoint(attempt, 5)
    make_checkpoint(attempt, 10)
    assert place(attempt, tmp_path) == 10
    assert (tmp_path / "resume" / "run.json").read_text() == '{"step": 10}'
    assert (tmp_path / "resume" / "best" / "state.json").read_text() == "best up to 10"
    assert texts(attempt) == ["Goes on from step 10."]


def test_without_one_the_run_begins_anew(attempt, tmp_path):
    assert place(attempt, tmp_path) == 0
    assert not (tmp_path / "resume").exists()


def test_the_last_two_and_the_best_are_kept(attempt):
    for step, best in ((1, False), (2, True), (3, False), (4, True), (5, False), (6, False), (7, False)):
        make_checkpoint(attempt, step, best=best, loss=1 / step if best else None)
    kept = Checkpoint.objects.filter(job=attempt.job).values_list("step", "best")
    assert list(kept) == [(4, True), (6, False), (7, False)]


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_one_that_is_not_whole_gives_way_to_the_one_before(attempt, tmp_path, harm):
    make_checkpoint(attempt, 5)
    broken = make_checkpoint(attempt, 10)
    sha256 = next(file["sha256"] for file in broken.files if file["path"] == "run.json")
    path = blobs.local_path(sha256)
    path.chmod(0o600)
    path.unlink() if harm == "missing" else path.write_bytes(b"x" * path.stat().st_size)
    assert place(attempt, tmp_path) == 5
    assert (tmp_path / "resume" / "run.json").read_text() == '{"step": 5}'
    assert texts(attempt) == [
        "The checkpoint at step 10 is not whole in the storage, so it is not used.",
        "Goes on from step 5.",
    ]


def test_an_attempt_that_was_given_up_keeps_nothing_more(attempt):
    end_attempt.requeue(Attempt.objects.get(pk=attempt.pk), AttemptState.LOST, "lost")
    with pytest.raises(AttemptOver):
        make_checkpoint(attempt, 5)
    assert not Checkpoint.objects.exists()


def lose(attempt: Attempt) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    sweep()


def begin_at(step: int) -> Attempt:
    attempt = claim_next_job("w")
    attempt.resumed_step = step
    attempt.save()
    return attempt


def test_a_job_that_gets_on_may_lose_any_number_of_workers(attempt):
    for step in (5, 10, 15):
        make_checkpoint(attempt, step)
        lose(attempt)
        attempt = begin_at(step)
    assert Job.objects.get().state == JobState.RUNNING


def test_a_job_that_loses_two_workers_at_the_same_place_fails(attempt):
    make_checkpoint(attempt, 5)
    lose(attempt)
    lose(begin_at(5))
    assert Job.objects.get().state == JobState.QUEUED
    lose(begin_at(5))
    job = Job.objects.get()
    assert (job.state, job.cause_code) == (JobState.FAILED, "worker_lost")


def checkpoint_folder(run_folder: Path, step: int) -> CheckpointEvent:
    folder = run_folder / "checkpoints" / f"step-{step}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(f'{{"step": {step}}}')
    return CheckpointEvent(step=step, folder=f"checkpoints/step-{step}")


@pytest.mark.django_db(transaction=True)
def test_the_line_of_a_checkpoint_is_told_when_it_is_kept(attempt, tmp_path):
    relay = Relay(attempt)
    with Keeper(relay, tmp_path) as keeper:
        keeper.say(checkpoint_folder(tmp_path, 5))
    relay.flush()
    assert [record.event.step for record in read_records(attempt.job)] == [5]
    assert Checkpoint.objects.get().step == 5
    assert not (tmp_path / "checkpoints" / "step-5").exists()


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_fails_costs_a_warning_and_not_the_run(attempt, tmp_path, settings):
    settings.STORAGE_URL = f"file://{tmp_path / 'no-folder'}\0"
    relay = Relay(attempt)
    with Keeper(relay, tmp_path) as keeper:
        keeper.say(checkpoint_folder(tmp_path, 5))
    relay.flush()
    assert "The checkpoint at step 5 could not be kept" in texts(attempt)[0]
    assert not Checkpoint.objects.exists()
