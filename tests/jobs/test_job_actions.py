"""The buttons of a job's page: which there are in each state, who sees them, and what they do."""

import re

import pytest

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.models import Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.states import JobState
from tests.jobs.makers import make_checkpoint, make_job

pytestmark = pytest.mark.usefixtures("live_redis")
BUTTONS = ("job-pause", "job-resume", "job-retry", "job-go-on", "job-cancel")


@pytest.fixture
def job(cast, tiny_base):
    return make_job(cast.access(cast.editor), tiny_base, max_steps=20)


@pytest.fixture
def failed(job):
    """It failed after its checkpoint at step 12."""
    attempt = claim_next_job("w")
    make_checkpoint(attempt, 12)
    end_attempt.fail(attempt, Cause.LOSS_NOT_FINITE)
    return job


@pytest.fixture
def page(cast, job):
    """The job's page as `user` sees it (the editor, unless said otherwise)."""

    def page(user=None):
        response = cast.client(user or cast.editor).get(f"/w/team/jobs/{job.number}/")
        return re.sub(r"\s+", " ", response.content.decode())

    return page


def buttons(html):
    return {name for name in BUTTONS if f'id="{name}"' in html}


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (JobState.QUEUED, {"job-pause", "job-cancel"}),
        (JobState.RUNNING, {"job-pause", "job-cancel"}),
        (JobState.PAUSING, {"job-cancel"}),
        (JobState.PAUSED, {"job-resume", "job-cancel"}),
        (JobState.CANCELLING, set()),
        (JobState.FAILED, {"job-retry"}),
        (JobState.CANCELLED, {"job-retry"}),
        (JobState.SUCCEEDED, set()),
    ],
)
def test_each_state_has_its_buttons(job, page, cast, state, offered):
    Job.objects.update(state=state)
    assert buttons(page()) == offered
    assert buttons(page(cast.viewer)) == set()


def test_a_checkpoint_is_offered_to_go_on_from(failed, page):
    html = page()
    assert buttons(html) == {"job-retry", "job-go-on"}
    assert "Retry from step 12" in html
    assert f"/w/team/jobs/new?retry={failed.number}" in html
    Job.objects.update(state=JobState.SUCCEEDED)
    assert "Train on from step 12" in page()


def test_pause_and_resume_by_button(cast, job, page):
    client = cast.client(cast.editor)
    assert client.post("/w/team/jobs/1/pause").status_code == 302
    html = page()
    assert "Paused: it goes on when it is resumed" in html
    client.post("/w/team/jobs/1/resume")
    assert "Waiting for a worker" in page()


def test_a_button_that_comes_too_late_says_so(cast, job):
    Job.objects.update(state=JobState.SUCCEEDED)
    response = cast.client(cast.editor).post("/w/team/jobs/1/pause", follow=True)
    assert "Job 1 is succeeded, so there is nothing to pause." in response.content.decode()


def test_retry_by_button_goes_on_from_the_checkpoint_and_shows_the_new_job(cast, failed):
    response = cast.client(cast.editor).post("/w/team/jobs/1/retry")
    assert response["Location"] == "/w/team/jobs/2/"
    again = Job.objects.get(number=2)
    assert (again.retry_of, again.starts_at.step, again.config) == (failed, 12, failed.config)


def test_the_form_for_a_changed_retry_says_where_it_goes_on_and_keeps_to_it(cast, failed):
    client = cast.client(cast.editor)
    html = re.sub(r"\s+", " ", client.get("/w/team/jobs/new?retry=1").content.decode())
    assert "It goes on from step 12 of job 1." in html
    assert 'name="retry_of" value="1"' in html
    target = {"adapter": "adder", "dataset": "sums@1", "base_model": "tiny@1", "continues": ""}
    form = {**{name: _typed(value) for name, value in failed.config.items()}, **target, "retry_of": "1"}
    refused = client.post("/w/team/jobs/new", form | {"r": "4"})
    assert refused.status_code == 422
    html = re.sub(r"\s+", " ", refused.content.decode())
    assert "The checkpoint at step 12 was made with “32”." in html
    assert 'name="retry_of" value="1"' in html
    refused = client.post("/w/team/jobs/new", form | {"adapter": "another"})
    assert "keeps “adder”" in refused.content.decode()
    assert client.post("/w/team/jobs/new", form | {"learning_rate": "1e-5"}).status_code == 302
    again = Job.objects.get(number=2)
    assert (again.starts_at.step, again.config["learning_rate"]) == (12, 1e-5)


def _typed(value):
    """An option's value as a browser sends it."""
    if isinstance(value, bool):
        return "on" if value else ""
    return ", ".join(map(str, value)) if isinstance(value, list) and not value else ("" if value is None else value)


@pytest.mark.parametrize("act", ["pause", "resume", "retry"])
def test_a_viewer_may_press_none_and_an_outsider_finds_nothing(cast, job, act):
    assert cast.client(cast.viewer).post(f"/w/team/jobs/1/{act}").status_code == 403
    assert cast.client(cast.outsider).post(f"/w/team/jobs/1/{act}").status_code == 404
    assert cast.client(cast.outsider).post(f"/w/elsewhere/jobs/1/{act}").status_code == 404
    assert [found.state for found in Job.objects.all()] == [JobState.QUEUED]
