"""A job asks for several GPUs of one machine: over REST, in the form, again in a retry, and never for a share of a row."""

import pytest
import yaml

from finetune_app.errors import InvalidFields
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.retry_job import require_same_target, retry_job
from tests.jobs.makers import make_version
from tests.jobs.test_new_job_page import error_beside, filled
from workers.prepare_run import prepare_run
from workers.relay import Relay
from workers.spec import RunSpec

JOBS, PAGE = "/api/v1/jobs", "/w/team/jobs/new"
BATCH = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}


@pytest.fixture
def order(cast, tiny_base):
    make_version(cast.team, cast.owner)
    return {"adapter": "adder", "dataset": "sums", "base_model": "tiny@1", "config": BATCH}


@pytest.fixture
def editor(cast, order):
    return cast.api(cast.editor)


def post(client, body):
    return client.post(JOBS, body, content_type="application/json")


def test_one_is_the_default_and_more_reach_the_run(cast, editor, order, tmp_path):
    assert post(editor, order).json()["gpus"] == 1
    made = post(editor, order | {"gpus": 4})
    assert made.status_code == 202
    assert made.json()["gpus"] == 4
    assert made.json()["config"]["gradient_accumulation_steps"] == 4  # as it was asked for: the run divides it

    for _ in range(2):
        attempt = claim_next_job("worker")
    prepare_run(attempt.job, tmp_path / "run", Relay(attempt))
    assert RunSpec.load(tmp_path / "run").processes == 4


def test_gpus_that_do_not_divide_the_batch_are_refused_beside_the_field(editor, order):
    answer = post(editor, order | {"gpus": 3})
    assert answer.status_code == 422
    assert answer.json()["code"] == "gpus_do_not_divide_batch"
    assert answer.json()["field"] == "gpus"
    assert "1, 2, 4, 8" in answer.json()["message"]
    assert post(editor, order | {"gpus": 0}).status_code == 422
    assert post(editor, order | {"gpus": 65}).status_code == 422
    assert not Job.objects.exists()


def test_the_form_asks_for_them_too(cast, editor):
    browser = cast.client(cast.editor)
    form = filled(browser.get(PAGE).content.decode()) | {"adapter": "adder"}
    assert form["gpus"] == ["1"]
    refused = browser.post(PAGE, form | {"gpus": "3"})
    assert refused.status_code == 422
    assert "cannot share an effective batch of 16 rows" in error_beside(refused, "gpus")
    assert browser.post(PAGE, form | {"gpus": "2"}).status_code == 302
    job = Job.objects.get()
    assert job.gpus == 2
    again = filled(browser.get(f"{PAGE}?from={job.number}").content.decode())
    assert again["gpus"] == ["2"]


def test_a_retry_and_an_export_ask_for_as_many(cast, editor, order):
    access = cast.access(cast.editor)
    number = post(editor, order | {"gpus": 2}).json()["number"]
    body = yaml.safe_load(editor.get(f"{JOBS}/{number}/config.yaml").content)
    assert body["gpus"] == 2
    assert post(editor, body).json()["gpus"] == 2

    job = Job.objects.get(number=number)
    cancel_job(access, job)
    job.refresh_from_db()
    assert retry_job(access, job, {}, from_checkpoint=False).gpus == 2
    with pytest.raises(InvalidFields) as caught:
        require_same_target(job, {"adapter": "adder", "dataset": "sums@1", "base_model": "tiny@1", "gpus": 4})
    assert set(caught.value.errors) == {"gpus"}
