"""Cancelling works in every state."""

import pytest

from finetune_app.errors import UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.states import AttemptState, JobState
from tests.jobs.makers import make_job


def test_a_waiting_job_is_cancelled_at_once(cast, tiny_base):
    job = cancel_job(cast.access(cast.editor), make_job(cast.access(cast.editor), tiny_base))
    assert job.state == JobState.CANCELLED
    assert job.finished_at


def test_a_running_job_is_asked_to_stop_and_ends_cancelled(cast, tiny_base):
    job = make_job(cast.access(cast.editor), tiny_base)
    attempt = claim_next_job("w")
    assert cancel_job(cast.access(cast.editor), job).state == JobState.CANCELLING
    end_attempt.cancelled(attempt)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_cancelled_job_does_not_go_back_to_the_queue(cast, tiny_base):
    job = make_job(cast.access(cast.editor), tiny_base)
    attempt = claim_next_job("w")
    cancel_job(cast.access(cast.editor), job)
    end_attempt.requeue(attempt, AttemptState.INTERRUPTED, "shut down")
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_an_ended_job_stays_as_it_is(cast, tiny_base, state):
    job = make_job(cast.access(cast.editor), tiny_base)
    Job.objects.filter(pk=job.pk).update(state=state)
    assert cancel_job(cast.access(cast.editor), job).state == state


def test_a_viewer_cannot_cancel(cast, tiny_base):
    job = make_job(cast.access(cast.editor), tiny_base)
    with pytest.raises(UserError, match="role"):
        cancel_job(cast.access(cast.viewer), job)
