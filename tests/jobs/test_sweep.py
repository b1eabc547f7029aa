"""Workers that fall silent do not take their jobs with them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from finetune_app.jobs.models import Attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import heartbeat
from finetune_app.jobs.services.sweep import give_up_attempts_of, sweep
from finetune_app.jobs.states import JobState
from tests.jobs.makers import make_job

pytestmark = pytest.mark.usefixtures("live_redis")


@pytest.fixture
def job(cast, tiny_base):
    return make_job(cast.access(cast.editor), tiny_base)


def fall_silent(attempt):
    Attempt.objects.filter(pk=attempt.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))


def test_a_silent_attempt_is_lost_and_its_job_waits_again(job):
    fall_silent(claim_next_job("w"))
    sweep()
    job.refresh_from_db()
    assert (job.state, job.attempts.get().state) == (JobState.QUEUED, "lost")


def test_a_living_attempt_is_left_alone(job):
    attempt = claim_next_job("w")
    sweep()
    assert heartbeat(attempt) == JobState.RUNNING


def test_a_job_that_takes_its_workers_down_fails_with_that_cause(job):
    for _ in range(2):
        fall_silent(claim_next_job("w"))
        sweep()
    job.refresh_from_db()
    assert (job.state, job.cause_code) == (JobState.FAILED, "worker_lost")
    assert job.cause.startswith("The worker stopped answering")


def test_a_worker_that_starts_again_gives_up_what_it_ran(job, cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    mine, other = claim_next_job("train@a"), claim_next_job("train@b")
    give_up_attempts_of("train@a")
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.state, other.state) == ("lost", "running")
