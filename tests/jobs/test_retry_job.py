"""An ended job is tried again: as it was or changed, from the beginning or from its last checkpoint."""

import pytest

from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.models import Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.retry_job import retry_job
from finetune_app.jobs.states import JobState
from tests.jobs.makers import make_checkpoint, make_job
from workers.place_checkpoint import place_checkpoint
from workers.relay import Relay

pytestmark = pytest.mark.usefixtures("live_redis")
CONFIG = {"max_steps": 20, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}


@pytest.fixture
def editor(cast):
    return cast.access(cast.editor)


@pytest.fixture
def failed(editor, tiny_base):
    """A job that failed after its checkpoint at step 12."""
    make_job(editor, tiny_base, **CONFIG)
    attempt = claim_next_job("w")
    make_checkpoint(attempt, 12)
    end_attempt.fail(attempt, Cause.LOSS_NOT_FINITE)
    return Job.objects.get()


def test_a_retry_goes_on_from_the_last_checkpoint_with_a_changed_config(editor, failed, tmp_path):
    again = retry_job(editor, failed, {"learning_rate": 1e-5}, from_checkpoint=True)
    assert (again.number, again.state, again.retry_of, again.starts_at.step) == (2, "queued", failed, 12)
    assert again.config == failed.config | {"learning_rate": 1e-5}
    attempt = claim_next_job("w")
    assert attempt.job == again
    assert place_checkpoint(again, tmp_path, Relay(attempt)) == 12


def test_its_own_checkpoints_come_before_that_of_the_job_it_retries(editor, failed, tmp_path):
    again = retry_job(editor, failed, {}, from_checkpoint=True)
    attempt = claim_next_job("w")
    make_checkpoint(attempt, 15)
    assert place_checkpoint(again, tmp_path, Relay(attempt)) == 15


def test_a_retry_from_the_beginning_may_change_everything(editor, failed, tmp_path):
    again = retry_job(editor, failed, {"r": 4, "seed": 7}, from_checkpoint=False)
    assert (again.retry_of, again.starts_at, again.config["r"]) == (failed, None, 4)
    assert place_checkpoint(again, tmp_path, Relay(claim_next_job("w"))) == 0


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"r": 4}, "config.r", "The checkpoint at step 12 was made with “32”."),
        ({"seed": 7}, "config.seed", "“42”"),
        ({"quantization": "none"}, "config.quantization", "“nf4”"),
        ({"target_modules": ["q_proj"]}, "config.target_modules", "start from the beginning"),
        ({"max_steps": 12}, "config.max_steps", "at step 12 already"),
        ({"per_device_train_batch_size": 4}, "config.per_device_train_batch_size", "must stay 8"),
    ],
)
def test_what_the_checkpoint_depends_on_cannot_change_and_says_so_beside_its_field(
    editor, failed, changes, field, says
):
    with pytest.raises(InvalidFields) as refused:
        retry_job(editor, failed, changes, from_checkpoint=True)
    assert set(refused.value.errors) == {field}
    assert says in refused.value.errors[field]
    assert Job.objects.count() == 1


def test_the_batch_may_be_split_in_another_way(editor, failed):
    changes = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}
    assert retry_job(editor, failed, changes, from_checkpoint=True).starts_at


def test_a_job_that_succeeded_goes_on_for_more_steps_only(editor, failed):
    Job.objects.update(state=JobState.SUCCEEDED)
    failed.refresh_from_db()
    with pytest.raises(InvalidFields, match="ask for more"):
        retry_job(editor, failed, {}, from_checkpoint=True)
    assert retry_job(editor, failed, {"max_steps": 30}, from_checkpoint=True).starts_at.step == 12


def test_an_open_job_is_not_retried(editor, tiny_base):
    with pytest.raises(UserError, match="only an ended job") as refused:
        retry_job(editor, make_job(editor, tiny_base), {}, from_checkpoint=False)
    assert (refused.value.code, refused.value.status) == ("not_ended", 409)


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(editor, tiny_base):
    job = make_job(editor, tiny_base)
    end_attempt.fail(claim_next_job("w"), Cause.CRASHED)
    job.refresh_from_db()
    with pytest.raises(UserError, match="has no checkpoint") as refused:
        retry_job(editor, job, {}, from_checkpoint=True)
    assert refused.value.code == "no_checkpoint"
    assert retry_job(editor, job, {}, from_checkpoint=False).retry_of == job


def test_over_rest(cast, failed):
    client = cast.api(cast.editor)
    body = {"config": {"learning_rate": 1e-5}}
    response = client.post("/api/v1/jobs/1/retry", body, content_type="application/json")
    assert (response.status_code, response["Location"]) == (202, "/api/v1/jobs/2")
    assert response.json()["retry_of"] == 1
    response = client.post("/api/v1/jobs/1/retry", {"config": {"r": 4}}, content_type="application/json")
    assert (response.status_code, response.json()["field"]) == (422, "config.r")
