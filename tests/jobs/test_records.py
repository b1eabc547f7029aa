"""What an attempt says is kept once, in order, and read back from any point."""

import pytest
from django.db import IntegrityError

from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import (
    Answer,
    DoneEvent,
    EvaluationEvent,
    HeldOutEvent,
    PhaseEvent,
    PlanEvent,
    Score,
    StepEvent,
)
from finetune_app.jobs.models import HeldOutPoint, Job, LogChunk, MetricPoint
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.read_records import read_records
from finetune_app.jobs.services.record_events import AttemptOver, heartbeat, record_events
from finetune_app.jobs.states import AttemptState, JobState, Phase
from tests.jobs.makers import make_job, records


@pytest.fixture
def attempt(cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    return claim_next_job("w")


def step(number: int) -> StepEvent:
    return StepEvent(
        step=number, total_steps=9, epoch=0.1, loss=2.5, learning_rate=1e-4, grad_norm=0.3, tokens=64, seconds=1.5
    )


def texts(job, after: str = "") -> list[str]:
    return [getattr(record.event, "text", record.event.type) for record in read_records(job, after)]


def test_lines_come_back_in_order_from_any_point(attempt):
    record_events(attempt, records(attempt, "a", "b"))
    record_events(attempt, records(attempt, "c"))
    assert texts(attempt.job) == ["a", "b", "c"]
    assert texts(attempt.job, "1:2") == ["c"]
    assert texts(attempt.job, "1:3") == []


def test_the_log_moves_into_one_blob_and_reads_the_same(attempt):
    record_events(attempt, records(attempt, "a", "b — ü\u2028 one line"))
    end_attempt.requeue(attempt, AttemptState.INTERRUPTED, "stop")
    assert not LogChunk.objects.exists()
    record_events(again := claim_next_job("w2"), records(again, "second"))
    assert texts(attempt.job) == ["a", "b — ü\u2028 one line", "stop", "second"]
    assert texts(attempt.job, "1:1") == ["b — ü\u2028 one line", "stop", "second"]


def test_a_line_separator_within_a_line_does_not_split_it(attempt):
    record_events(attempt, records(attempt, "one\u2028line\x85still", "two"))
    assert texts(attempt.job) == ["one\u2028line\x85still", "two"]


def test_a_number_is_written_once(attempt):
    batch = records(attempt, "a")
    record_events(attempt, batch)
    with pytest.raises(AttemptOver):
        record_events(attempt, batch)
    assert texts(attempt.job) == ["a"]


def test_a_worker_thought_lost_cannot_write_any_more(attempt):
    record_events(attempt, records(attempt, "a"))
    late = records(attempt, "late")
    end_attempt.requeue(attempt, AttemptState.LOST, "lost")
    with pytest.raises(AttemptOver):
        record_events(attempt, late)
    with pytest.raises(AttemptOver):
        heartbeat(attempt)
    assert texts(attempt.job) == ["a", "lost"]


def test_steps_become_metrics_and_progress(attempt):
    record_events(attempt, records(attempt, PhaseEvent(phase=Phase.LOADING), step(1), step(2)))
    attempt.job.refresh_from_db()
    assert (attempt.job.phase, attempt.job.done, attempt.job.total) == ("training", 2, 9)
    assert list(MetricPoint.objects.values_list("step", "loss")) == [(1, 2.5), (2, 2.5)]


def test_facts_and_scores_are_kept_on_the_job(attempt):
    score = Score(exact_match=0.5, token_accuracy=0.9, loss=0.1)
    evaluation = EvaluationEvent(rows=30, base=score, tuned=score)
    record_events(attempt, records(attempt, PlanEvent(facts={"device": "cpu"}), evaluation, DoneEvent(facts={"s": 1})))
    attempt.job.refresh_from_db()
    assert attempt.job.facts == {"device": "cpu", "s": 1}
    assert attempt.job.scores["tuned"]["exact_match"] == 0.5


@pytest.mark.parametrize("event_id", ["x", "1", "1:", ":1", "1:2:3", "-1:2", "1:²"])
def test_an_event_id_that_is_none_is_refused(attempt, event_id):
    with pytest.raises(UserError, match="event id"):
        list(read_records(attempt.job, event_id))


def test_a_nul_that_a_model_wrote_is_shown_as_what_cannot_be_shown(attempt):
    """PostgreSQL keeps none."""
    answer = Answer(prompt="Why?", expected="So.", answer="7\x00")
    look = HeldOutEvent(step=1, epoch=0.1, loss=2.0, rows=1, best=True, seconds=0.1, answers=[answer])
    record_events(attempt, records(attempt, look))
    assert HeldOutPoint.objects.get().answers[0]["answer"] == "7\ufffd"


@pytest.mark.django_db(transaction=True)
def test_an_attempt_whose_lines_the_database_refused_can_still_be_ended(attempt):
    record_events(attempt, records(attempt, "kept"))
    with pytest.raises(IntegrityError):
        record_events(attempt, records(attempt, "refused", PhaseEvent(phase=Phase.LOADING, done=-1)))
    end_attempt.fail(attempt, Cause.CRASHED)
    assert texts(attempt.job)[0] == "kept"
    assert Job.objects.get().state == JobState.FAILED
