"""The pages and the REST calls that combine versions, up to the worker."""

import pytest

from adapters.models import AdapterVersion, RegistryTask
from finetune_app.work import run_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.adapters.peft_adapters import peft_adapter

PAGE = "/w/team/adapters/combine"
REST = "/api/v1/adapters/combinations"
FORM = {
    "name": "both",
    "combination_type": "svd",
    "density": "0.5",
    "svd_rank": "",
    "seed": "42",
    "version": ["first@1", "", "second"],
    "weight": ["0.5", "1", "0.25"],
}


@pytest.fixture(autouse=True)
def two(tiny_base):
    return [
        make_version(tiny_base, peft_adapter(), key=name, name=name, config={"r": 4}) for name in ("first", "second")
    ]


@pytest.fixture
def editor(cast):
    return cast.client(cast.editor)


def test_the_form_queues_the_combination_and_its_page_shows_how_far_it_is(editor):
    answer = editor.post(PAGE, FORM)
    task = RegistryTask.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/w/team/adapters/combinations/{task.pk}")
    assert [part[2] for part in task.params["versions"]] == [0.5, 0.25]
    waiting = editor.get(answer["Location"]).content.decode()
    assert "It waits for a training worker." in waiting
    assert 'hx-trigger="every 1s"' in waiting
    run_task.fail(run_task.claim_next_task("train@test", on_gpu=True), "merge_unfit", "peft says no.")
    failed = editor.get(answer["Location"]).content.decode()
    assert "peft says no." in failed
    editor.post(f"{answer['Location']}/again")
    task.refresh_from_db()
    assert task.state == TaskState.QUEUED
    editor.post(f"{answer['Location']}/stop")
    task.refresh_from_db()
    assert (task.state, task.error) == (TaskState.FAILED, "It was stopped by a person.")


def test_when_it_is_done_its_page_leads_to_the_version_which_names_its_parts(editor, two, tiny_base):
    editor.post(PAGE, FORM)
    task = run_task.claim_next_task("train@test", on_gpu=True)
    parts = [
        {"adapter": one.adapter.name, "version": 1, "manifest_sha256": one.manifest_sha256, "weight": 0.5}
        for one in two
    ]
    made = make_version(tiny_base, peft_adapter(), key="made", name="both", combines=parts)
    made.combines.set(two)
    run_task.succeed(task, {"adapter": "both", "version": 1})
    page = editor.get(f"/w/team/adapters/combinations/{task.pk}", follow=True).content.decode()
    assert "Combined of" in page
    assert "× 0.5" in page
    part = editor.get("/w/team/adapters/first/v/1/").content.decode()
    assert "was combined of it" in part
    assert AdapterVersion.objects.get(adapter__name="both").combines.count() == 2


def test_what_is_wrong_stands_beside_it_and_nothing_is_queued(editor):
    bad = FORM | {"version": ["first", "nobody"], "weight": ["half", "1"]}
    page = editor.post(PAGE, bad)
    assert page.status_code == 422
    assert "A weight is a number, such as 0.5." in page.content.decode()
    page = editor.post(PAGE, bad | {"weight": ["0.5", "1"], "density": "7"})
    assert page.status_code == 422
    page = editor.post(PAGE, bad | {"weight": ["0.5", "1"]})
    assert "There is no adapter version “nobody” in this workspace." in page.content.decode()
    assert 'value="nobody"' in page.content.decode()
    assert not RegistryTask.objects.exists()


def test_the_page_of_compared_versions_leads_there_with_them(editor):
    page = editor.get("/w/team/compare/?v=first@1&v=second@1").content.decode()
    assert "/w/team/adapters/combine?v=first@1&amp;v=second@1" in page
    form = editor.get(f"{PAGE}?v=first@1&v=second@1").content.decode()
    assert 'value="first@1"' in form
    assert 'value="second@1"' in form


def test_rest_says_where_it_stands_and_what_is_wrong(cast):
    client = cast.api(cast.editor)
    parts = [{"version": "first", "weight": 0.5}, {"version": "second@1"}]
    made = client.post(REST, {"name": "both", "versions": parts}, content_type="application/json")
    assert made.status_code == 202, made.content
    told = made.json()
    assert (told["state"], told["version"], told["error"]) == ("queued", None, None)
    assert client.get(told["url"]).json() == told
    stopped = client.post(f"{REST}/{told['id']}/cancel").json()
    assert (stopped["state"], stopped["error"]["code"]) == ("failed", "cancelled")
    refused = client.post(REST, {"name": "both", "versions": parts[:1]}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "versions_to_combine")
    odd = {"name": "both", "versions": parts, "options": {"combination_type": "sum"}}
    refused = client.post(REST, odd, content_type="application/json")
    assert (refused.status_code, refused.json()["field"]) == (422, "options.combination_type")


def test_viewers_and_outsiders_combine_nothing(cast, editor):
    assert cast.client(cast.viewer).post(PAGE, FORM).status_code == 403
    assert cast.client(cast.outsider).post(PAGE, FORM).status_code == 404
    editor.post(PAGE, FORM)
    page = f"/w/team/adapters/combinations/{RegistryTask.objects.get().pk}"
    assert cast.client(cast.viewer).get(page).status_code == 200
    assert cast.client(cast.viewer).post(f"{page}/stop").status_code == 403
    assert cast.client(cast.viewer).post(f"{page}/again").status_code == 403
    assert cast.client(cast.outsider).get(page).status_code == 404
