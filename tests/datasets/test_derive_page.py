"""The page “Make a version” and the same over REST, from the form to the version's page."""

import pytest

from finetune_app.datasets.models import DatasetTask
from tests.datasets.makers import chat
from tests.datasets.tasks import put, run_task, run_task_at

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/w/team/datasets/support/v/1/derive"
REST = "/api/v1/datasets/support/versions/1/derive"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def version(cast):
    return put(cast, "support", *(chat(f"{number}?") for number in range(20)))


def test_from_the_form_to_the_new_version(cast, version):
    browser = cast.client(cast.editor)
    assert "It stays as it is" in browser.get(PAGE).content.decode()
    answer = browser.post(PAGE, {"sample": "n", "sample_n": "5", "split_rows": "share", "split_percent": "50"})
    assert answer.status_code == 302
    progress = answer["Location"]
    assert "Waiting for a worker" in browser.get(progress).content.decode()
    part = browser.get(progress, headers=HTMX).content.decode()
    assert "<html" not in part
    run_task(DatasetTask.objects.get(kind="derive"))
    assert browser.get(progress, headers=HTMX)["HX-Redirect"] == "/w/team/datasets/support/v/2/"
    page = browser.get(progress, follow=True).content.decode()
    for words in ("How it was made", "/w/team/datasets/support/v/1/", "Kept 5 rows by chance, seed 42.", "−15 rows"):
        assert words in page


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "Without a step this would be the same version"),
        ({"sample": "n", "sample_n": ""}, "Give either “n” or “share”."),
        ({"min_characters": "9", "max_characters": "3"}, "The smallest number is larger than the largest."),
        ({"also": "nothing@4"}, "There is no dataset “nothing”"),
        ({"into": "No Name", "shuffle": "on"}, "cannot be a name"),
        ({"split_rows": "column", "column": "part"}, "Give “column” and “held_out” together."),
    ],
)
def test_what_is_wrong_stands_in_the_form(cast, version, form, sentence):
    answer = cast.client(cast.editor).post(PAGE, form)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not DatasetTask.objects.filter(kind="derive").exists()


def test_a_task_that_failed_says_why_and_leads_back(cast, version):
    browser = cast.client(cast.editor)
    progress = browser.post(PAGE, {"contains": "nowhere"})["Location"]
    run_task(DatasetTask.objects.get(kind="derive"))
    page = browser.get(progress).content.decode()
    assert "No row is left of 20" in page
    assert PAGE in page


def test_rest_makes_the_version(cast, version):
    rest = cast.api(cast.editor)
    answer = rest.post(REST, {"where": {"max_characters": 1000}, "shuffle": {"seed": 1}}, "application/json")
    assert answer.status_code == 202
    task = answer.json()["task"]
    assert (task["kind"], task["state"], task["result"], task["error"]) == ("derive", "queued", None, None)
    done = run_task_at(rest, task["url"])
    assert (done["state"], done["result"]["version"]) == ("succeeded", 2)
    assert done["result"]["counts"]["rows"] == 20
    assert rest.get("/api/v1/datasets/support/versions/2").json()["rows"] == 20
    assert (
        rest.post(REST, {"where": {"max_characters": 1000}, "shuffle": {"seed": 1}}, "application/json").json()["task"]
        == done
    )


def test_rest_tells_why_a_task_failed(cast, version):
    rest = cast.api(cast.editor)
    task = rest.post(REST, {"where": {"contains": "nowhere"}}, "application/json").json()["task"]
    assert run_task_at(rest, task["url"])["error"]["code"] == "no_rows_left"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sampel": {"n": 3}}, "sampel"),
        ({"sample": {"n": "3"}}, "sample.n"),
        ({"sample": {}}, "sample"),
        ({"split": {"share": 1.5}}, "split.share"),
        ({"drop_rows": {"rows": [0]}}, "drop_rows.rows.0"),
    ],
)
def test_rest_names_the_step_that_is_wrong(cast, version, body, field):
    answer = cast.api(cast.editor).post(REST, body, "application/json")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_who_may(cast, version):
    for path in (PAGE, f"{PAGE}/1"):
        assert cast.client(cast.outsider).get(path).status_code == 404
    assert cast.client(cast.viewer).get(PAGE).status_code == 403
    assert cast.client(cast.viewer).post(PAGE, {"shuffle": "on"}).status_code == 403
    assert cast.api(cast.viewer).post(REST, {"shuffle": {}}, "application/json").status_code == 403
    assert cast.api(cast.outsider).post(REST, {"shuffle": {}}, "application/json").status_code == 404
    task = cast.api(cast.editor).post(REST, {"shuffle": {}}, "application/json").json()["task"]
    assert cast.api(cast.viewer).get(task["url"]).status_code == 200
    assert cast.api(cast.outsider).get(task["url"]).status_code == 404
    assert cast.client(cast.viewer).get(f"{PAGE}/{task['id']}").status_code == 200
    assert cast.api(cast.viewer).get(task["url"].replace(str(task["id"]), "999")).status_code == 404
