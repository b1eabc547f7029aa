"""“Will it fit?” beside the form of a new job."""

import html
import json
import re

import pytest
from django.utils import timezone

from finetune_app.fleet.models import Worker
from finetune_app.jobs.plan.devices import GIB, Device
from finetune_app.jobs.plan.memory_model import Memory
from finetune_app.jobs.plan.rows import Rows
from finetune_app.jobs.plan_views import bar_parts
from finetune_app.jobs.services import predict_job as predict_job_module
from tests.jobs.makers import make_version
from tests.jobs.test_new_job_page import filled
from tests.pages import words

PAGE, PLAN = "/w/team/jobs/new", "/w/team/jobs/new/plan"
SMALL = Device("cuda", "NVIDIA T4", 1 * GIB)
LARGE = Device("cuda", "NVIDIA H100 80GB HBM3", 80 * GIB)


@pytest.fixture
def browser(cast, tiny_base):
    make_version(cast.team, cast.owner)
    return cast.client(cast.editor)


@pytest.fixture
def form(browser):
    return filled(browser.get(PAGE).content.decode())


@pytest.fixture
def online():
    """Two workers have announced each of these GPUs."""

    def announce(*devices):
        now = timezone.now()
        for number, device in enumerate(devices * 2):
            Worker.objects.create(
                name=f"train{number}@host",
                kind=device.kind,
                device=device.name,
                memory_bytes=device.memory_bytes,
                has_bf16=device.has_bf16,
                cores=2,
                gpus=1,
                started_at=now,
                seen_at=now,
            )

    return announce


def test_the_page_asks_for_the_plan_by_itself(browser):
    page = browser.get(PAGE).content.decode()
    assert f'hx-get="{PLAN}"' in page
    assert "Will it fit?" in page


def test_while_no_worker_is_online_common_gpus_are_shown(browser, form, online):
    online()
    text = words(browser.get(PLAN, form).content.decode())
    assert "No worker is online" in text
    for size in ("24 GB", "48 GB", "80 GB"):
        assert f"GPU with {size}" in text


def test_each_kind_of_device_says_how_it_stands(browser, form, online):
    online(LARGE, SMALL)
    response = browser.get(PLAN, form)
    text = words(response.content.decode())
    assert "No worker is online" not in text
    assert re.search(r"NVIDIA H100 80GB HBM3 × 2 fits .* of 80.0 GiB, less than a second of training", text)
    assert re.search(r"\d+ × \d+ rows a step, without checkpointing\.", text)
    large, small = response.context["prediction"].devices
    assert large.share < small.share


def test_what_does_not_fit_comes_with_the_change_that_makes_it_fit(browser, form, online, monkeypatch):
    online(Device("cuda", "NVIDIA T4", 1 * GIB))
    long_rows = Rows.known([4096] * 200, [0] * 200)
    monkeypatch.setattr(predict_job_module, "rows_of", lambda *_given: long_rows)
    asked = form | {"max_length": "4096", "per_device_train_batch_size": "64", "gradient_accumulation_steps": "1"}
    del asked["fit_to_device"]
    page = browser.get(PLAN, asked).content.decode()
    assert "does not fit" in words(page)
    found = re.search(r'data-plan-change="([^"]*)"', page)
    change = json.loads(html.unescape(found[1]))
    assert change
    after = browser.get(PLAN, asked | {name: _sent(value) for name, value in change.items()}).content.decode()
    assert "does not fit" not in words(after)


def _sent(value):
    return "on" if value is True else str(value)


def test_where_nothing_helps_it_says_so(browser, form, online):
    online(Device("cuda", "NVIDIA T4", GIB // 4))
    text = words(browser.get(PLAN, form).content.decode())
    assert "choose a smaller base" in text
    assert "Change it so" not in text


def test_an_unfinished_or_wrong_choice_says_what_to_do(browser, form):
    for change, said in (({"dataset": ""}, "Choose a base model and a dataset"), ({"r": "x"}, "not right yet")):
        assert said in words(browser.get(PLAN, form | change).content.decode())


def test_a_base_of_unknown_architecture_says_nothing(browser, form, monkeypatch):
    monkeypatch.setattr(predict_job_module, "model_shape", lambda *_given, **_more: None)
    assert "Nothing can be said beforehand" in words(browser.get(PLAN, form).content.decode())


def test_what_was_not_counted_is_said(browser, form):
    assert "tokens are not counted for this base" in words(browser.get(PLAN, form).content.decode())


def test_viewers_and_outsiders_have_no_plan(cast, browser, form):
    assert cast.client(cast.viewer).get(PLAN, form).status_code == 403
    assert cast.client(cast.outsider).get(PLAN, form).status_code == 404


def test_the_bar_is_as_long_as_the_need_or_the_device():
    memory = Memory(weights=40, adapter=0, optimizer=10, activations=30, logits=5, other=10, context=5)
    fits, does_not = bar_parts(memory, 200), bar_parts(memory, 50)
    assert [part.name for part in fits] == ["weights", "optimizer", "activations", "logits", "other"]
    assert sum(part.percent for part in fits) == pytest.approx(50)
    assert sum(part.percent for part in does_not) == pytest.approx(100)
    assert [part.start for part in fits] == [0, 20, 25, 40, 42.5]
