"""The curve of a job has each step once, however many workers it took."""

import pytest

from finetune_app.jobs.events import StepEvent
from finetune_app.jobs.metrics import merged_points
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import record_events
from finetune_app.jobs.states import AttemptState
from tests.jobs.makers import make_job, records

pytestmark = pytest.mark.usefixtures("live_redis")


@pytest.fixture
def job(cast, tiny_base):
    return make_job(cast.access(cast.editor), tiny_base)


def attempt_with(*steps):
    """An attempt that measured these steps, its number as their loss, and was lost."""
    attempt = claim_next_job("w")
    events = [
        StepEvent(
            step=step,
            total_steps=9,
            epoch=0.5,
            loss=attempt.number,
            learning_rate=1e-3,
            grad_norm=1.0,
            tokens=9,
            seconds=1.5,
        )
        for step in steps
    ]
    record_events(attempt, records(attempt, *events))
    end_attempt.requeue(attempt, AttemptState.LOST, "lost")


def curve(job):
    return [(point.step, int(point.loss)) for point in merged_points(job)]


def test_a_job_without_steps_has_no_curve(job):
    assert curve(job) == []
    attempt_with()
    assert curve(job) == []


def test_steps_that_were_trained_again_count_once(job):
    attempt_with(1, 2, 3, 4, 5)
    attempt_with(4, 5, 6)
    assert curve(job) == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]


def test_what_a_later_attempt_has_not_come_to_again_is_not_shown_yet(job):
    attempt_with(1, 2, 3, 4, 5)
    attempt_with(3)
    assert curve(job) == [(1, 1), (2, 1), (3, 2)]


def test_an_attempt_that_did_not_train_takes_nothing_away(job):
    attempt_with(1, 2, 3)
    attempt_with()
    attempt_with(4)
    assert curve(job) == [(1, 1), (2, 1), (3, 1), (4, 3)]


def test_an_attempt_that_fell_back_replaces_two_others(job):
    attempt_with(1, 2, 3, 4)
    attempt_with(4, 5, 6)
    attempt_with(2, 3)
    assert curve(job) == [(1, 1), (2, 3), (3, 3)]
