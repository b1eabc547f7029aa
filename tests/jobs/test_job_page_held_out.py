"""What a job's page says of the evaluations while it trained."""

import re

import pytest

from finetune_app.jobs.models import Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import record_events
from tests.jobs.makers import make_job, records
from tests.jobs.test_evaluations_api import look
from tests.pages import one_line, words

PAGE, PART = "/w/team/jobs/1/", "/w/team/jobs/1/held-out"
LOOKS = (
    look(0, 3.0, answers=["five"]),
    look(10, 1.5, best=True),
    look(20, 1.0, best=True, answers=["<b>4</b>"]),
    look(30, 1.25, answers=["4"]),
)


@pytest.fixture
def attempt(cast, tiny_base, live_redis):
    make_job(cast.access(cast.editor), tiny_base, early_stopping_patience=1)
    return claim_next_job("w")


@pytest.fixture
def show(cast, attempt):
    def show(address=PAGE, user=None):
        response = cast.client(user or cast.editor).get(address)
        assert response.status_code == 200
        return one_line(response.content.decode())

    return show


def test_first_best_and_newest_evaluation_stand_side_by_side(show, attempt):
    record_events(attempt, records(attempt, *LOOKS))
    text = words(show())
    assert "Before training 3.000 50 % of tokens right Best, step 20 1.000" in text
    assert "Newest, step 30 1.250" in text
    assert "3 held-out rows, never trained on." in text


def test_the_answers_can_be_walked_through_by_step(show, attempt):
    record_events(attempt, records(attempt, *LOOKS))
    html = show()
    assert "Sample answers at step 30" in words(html)
    assert 'data-newest="1:30"' in html
    assert "data-follows" in html
    assert '/w/team/jobs/1/?step=20#held-out"' in html
    earlier = show(f"{PART}?step=20")
    assert earlier.startswith('<div id="held-out-words"')
    assert "Sample answers at step 20" in words(earlier)
    assert "&lt;b&gt;4&lt;/b&gt;" in earlier
    assert "data-follows" not in earlier
    assert {*re.findall(r"held-out\?step=(\d+)", earlier)} == {"0", "30"}
    assert "Sample answers before training" in words(show(f"{PAGE}?step=0"))


@pytest.mark.parametrize("step", ["15", "abc", "-1", "99999999999999999999"])
def test_a_step_without_answers_shows_the_nearest_before_it(show, attempt, step):
    record_events(attempt, records(attempt, *LOOKS))
    assert "Sample answers" in words(show(f"{PART}?step={step}"))


def test_an_early_stop_is_said_with_its_reason(show, attempt):
    record_events(attempt, records(attempt, *LOOKS))
    Job.objects.update(facts={"stopped_early_at": 30, "best_step": 20})
    text = words(show())
    assert "Stopped early at step 30: the held-out loss had not fallen for 1 evaluation." in text


def test_without_evaluations_an_open_job_waits_for_them_and_an_ended_one_says_nothing(show, attempt):
    assert "The first evaluation begins the curve." in show()
    end_attempt.fail(attempt, "crashed")
    assert "Held-out rows while training" not in show()


def test_an_outsider_sees_no_answers(cast, attempt):
    record_events(attempt, records(attempt, *LOOKS))
    assert cast.client(cast.outsider).get(PART).status_code == 404
    assert cast.client(cast.viewer).get(PART).status_code == 200
