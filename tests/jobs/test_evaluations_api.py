"""The evaluations of a job while it trained, over REST."""

import pytest

from finetune_app.jobs.events import Answer, HeldOutEvent
from finetune_app.jobs.models import Attempt
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import record_events
from finetune_app.jobs.states import AttemptState
from tests.jobs.makers import make_job, records

EVALUATIONS = "/api/v1/jobs/1/evaluations"


def look(step, loss, *, best=False, answers=()):
    return HeldOutEvent(
        step=step,
        epoch=step / 10,
        loss=loss,
        token_accuracy=0.5,
        rows=3,
        best=best,
        seconds=0.2,
        answers=[Answer(prompt="2+2?", expected="4", answer=answer) for answer in answers],
    )


@pytest.fixture
def attempt(cast, tiny_base, live_redis):
    make_job(cast.access(cast.editor), tiny_base)
    return claim_next_job("w")


def test_evaluations_come_in_the_order_of_their_steps_with_answers_and_the_best_step(cast, attempt):
    looks = look(0, 3.0, answers=["?"]), look(10, 1.5, best=True), look(20, None, answers=["4"])
    record_events(attempt, records(attempt, *looks))
    body = cast.api(cast.viewer).get(EVALUATIONS).json()
    assert [(item["step"], item["loss"], item["best"]) for item in body["items"]] == [
        (0, 3.0, False),
        (10, 1.5, True),
        (20, None, False),
    ]
    assert (body["count"], body["best_step"]) == (3, 10)
    assert body["items"][2]["answers"] == [{"prompt": "2+2?", "expected": "4", "answer": "4"}]
    assert body["items"][0]["token_accuracy"] == 0.5


def test_a_resumed_attempt_replaces_what_came_after_its_checkpoint(cast, attempt):
    record_events(
        attempt, records(attempt, look(10, 2.0, best=True), look(20, 1.0, best=True), look(30, 0.5, best=True))
    )
    end_attempt.requeue(attempt, AttemptState.LOST, "lost")
    second = claim_next_job("w")
    Attempt.objects.filter(pk=second.pk).update(resumed_step=20)
    record_events(second, records(second, look(30, 0.75, best=True)))
    body = cast.api(cast.viewer).get(EVALUATIONS).json()
    assert [(item["attempt"], item["step"], item["loss"]) for item in body["items"]] == [
        (1, 10, 2.0),
        (1, 20, 1.0),
        (2, 30, 0.75),
    ]


def test_a_job_that_was_not_evaluated_has_none(cast, attempt):
    assert cast.api(cast.viewer).get(EVALUATIONS).json() == {"items": [], "count": 0, "best_step": None}


def test_an_outsider_finds_nothing_and_nobody_comes_without_a_token(cast, attempt, client):
    assert cast.api(cast.outsider).get(EVALUATIONS).json()["code"] == "job_not_found"
    assert client.get(EVALUATIONS).status_code == 401
