"""A plan over REST, and the least memory that a job needs."""

import pytest

from finetune_app.datasets.services.find_lengths import tokens_params
from finetune_app.datasets.services.request_task import request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.models import Job
from finetune_app.jobs.plan.rows import Rows
from finetune_app.jobs.services.predict_job import least_memory, predict_job
from tests.datasets.token_tasks import finish_tasks, upload_rows
from tests.jobs.makers import make_version

PLAN = "/api/v1/jobs/plan"


@pytest.fixture
def order(cast, tiny_base):
    make_version(cast.team, cast.owner)
    return {"adapter": "adder", "dataset": "sums", "base_model": "tiny@1", "config": {"r": 8}}


def post(client, body):
    return client.post(PLAN, body, content_type="application/json")


def test_a_plan_tells_memory_time_and_verdict_and_queues_nothing(cast, order):
    response = post(cast.api(cast.editor), order)
    assert response.status_code == 200
    body = response.json()
    assert (body["known"], body["online"], body["counted"]) == (True, False, False)
    assert [device["memory_bytes"] >> 30 for device in body["devices"]] == [24, 48, 80]
    first = body["devices"][0]
    parts = {name: size for name, size in first["memory"].items() if name != "peak"}
    assert sum(parts.values()) == first["memory"]["peak"] + first["memory"]["context"]
    assert first["needed_bytes"] >= sum(parts.values())
    assert (first["verdict"], first["change"]) == ("fits", None)
    assert first["per_device_train_batch_size"] * first["gradient_accumulation_steps"] == 16
    assert first["tokens_per_second"] > 0
    assert first["steps"] == 3
    assert not Job.objects.exists()


def test_a_job_that_does_not_fit_gets_options_that_can_be_posted(cast, order, monkeypatch):
    big = order | {"config": {"fit_to_device": False, "per_device_train_batch_size": 1024, "max_length": 131072}}
    long_rows = Rows.known([131072] * 2048, [0] * 2048)
    monkeypatch.setattr("finetune_app.jobs.services.predict_job.rows_of", lambda *_given: long_rows)
    found = post(cast.api(cast.editor), big).json()["devices"][0]
    assert found["verdict"] == "does_not_fit"
    assert found["change"]["text"].startswith("It would fit with ")
    mended = big | {"config": big["config"] | found["change"]["config"]}
    assert post(cast.api(cast.editor), mended).json()["devices"][0]["verdict"] != "does_not_fit"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"config": {"r": 0}}, "invalid_fields", "config.r"),
        ({"dataset": "nowhere"}, "dataset_not_found", "dataset"),
        ({"base_model": "nowhere"}, "base_model_not_found", "base_model"),
    ],
)
def test_mistakes_have_the_codes_that_queueing_gives_them(cast, order, change, code, field):
    response = post(cast.api(cast.editor), order | change)
    body = response.json()
    assert (response.status_code, body["code"], body["field"]) == (422, code, field)


def test_another_workspace_sees_no_dataset_of_this_one(cast, order):
    assert post(cast.api(cast.outsider), order).json()["code"] == "dataset_not_found"


def test_counted_tokens_make_the_plan_exact(cast, tiny_base):
    short = {"prompt": "a", "completion": "b"}
    long = {"prompt": "colour " * 40, "completion": "sky " * 40}
    version = upload_rows(cast.access(cast.editor), "mixed", short, long)
    config = SFTOptions(held_out_share=0)
    assumed = predict_job(version, tiny_base, config)
    request_task(version, TaskKind.TOKENS, tokens_params(tiny_base.pk))
    finish_tasks()
    counted = predict_job(version, tiny_base, config)
    assert (assumed.counted, counted.counted) == (False, True)
    times = [found.devices[0].fit.plan.time.tokens_per_second for found in (assumed, counted)]
    assert times[0] != times[1]


def test_the_least_memory_is_below_the_need_of_the_plan(cast, tiny_base, monkeypatch):
    long_rows = Rows.known([1000] * 64, [0] * 64)
    monkeypatch.setattr("finetune_app.jobs.services.predict_job.rows_of", lambda *_given: long_rows)
    version = make_version(cast.team, cast.owner)
    few, many = (SFTOptions(fit_to_device=fitted, per_device_train_batch_size=64) for fitted in (True, False))
    least = least_memory(version, tiny_base, few)
    assert 0 < least < least_memory(version, tiny_base, many)
    assert least < predict_job(version, tiny_base, few).devices[0].fit.plan.needed_bytes
