"""A job can be paused and resumed in every state where that means something, by those who may."""

import pytest

from finetune_app.errors import UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.pause_job import pause_job
from finetune_app.jobs.services.read_records import read_records
from finetune_app.jobs.services.resume_job import resume_job
from finetune_app.jobs.services.sweep import give_up_attempts_of
from finetune_app.jobs.states import AttemptState, JobState
from tests.jobs.makers import make_checkpoint, make_job

pytestmark = pytest.mark.usefixtures("live_redis")


@pytest.fixture
def editor(cast):
    return cast.access(cast.editor)


@pytest.fixture
def job(editor, tiny_base):
    return make_job(editor, tiny_base)


def test_a_waiting_job_is_paused_at_once_and_no_worker_takes_it(editor, job):
    assert pause_job(editor, job).state == JobState.PAUSED
    assert claim_next_job("w") is None


def test_a_resumed_job_is_taken_again(editor, job):
    pause_job(editor, job)
    assert resume_job(editor, job).state == JobState.QUEUED
    assert claim_next_job("w").job == job


def test_a_running_job_is_asked_to_stop_and_waits_until_somebody_resumes_it(editor, job):
    attempt = claim_next_job("w")
    assert pause_job(editor, job).state == JobState.PAUSING
    make_checkpoint(attempt, 12)
    end_attempt.paused(attempt)
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.state, attempt.state, job.finished_at) == (JobState.PAUSED, AttemptState.PAUSED, None)
    assert list(read_records(job))[-1].event.text == "Paused; it goes on from step 12."


def test_a_job_that_was_to_pause_and_lost_its_worker_is_paused(editor, job):
    attempt = claim_next_job("w")
    pause_job(editor, job)
    give_up_attempts_of("w")
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.state, attempt.state) == (JobState.PAUSED, AttemptState.LOST)


def test_a_job_that_is_done_before_it_stops_is_done(editor, job, cast):
    attempt = claim_next_job("w")
    pause_job(editor, job)
    end_attempt.fail(attempt, "crashed")
    job.refresh_from_db()
    assert job.state == JobState.FAILED


def test_a_pausing_job_can_still_be_cancelled(editor, job):
    attempt = claim_next_job("w")
    pause_job(editor, job)
    assert cancel_job(editor, job).state == JobState.CANCELLING
    end_attempt.paused(attempt)  # its child had been asked to pause before
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_paused_job_is_cancelled_at_once(editor, job):
    pause_job(editor, job)
    assert cancel_job(editor, job).state == JobState.CANCELLED


def test_asking_twice_changes_nothing(editor, job):
    pause_job(editor, job)
    assert pause_job(editor, job).state == JobState.PAUSED
    resume_job(editor, job)
    assert resume_job(editor, job).state == JobState.QUEUED


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.CANCELLING])
def test_what_has_ended_or_is_being_cancelled_is_neither_paused_nor_resumed(editor, job, state):
    Job.objects.filter(pk=job.pk).update(state=state)
    with pytest.raises(UserError, match=f"is {state}") as refused:
        pause_job(editor, job)
    assert (refused.value.code, refused.value.status) == ("not_pausable", 409)
    with pytest.raises(UserError, match=f"is {state}") as refused:
        resume_job(editor, job)
    assert (refused.value.code, refused.value.status) == ("not_paused", 409)


@pytest.mark.parametrize("act", [pause_job, resume_job])
def test_a_viewer_may_do_neither(cast, job, act):
    with pytest.raises(UserError, match="role"):
        act(cast.access(cast.viewer), job)
