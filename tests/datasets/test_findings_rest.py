"""Findings over REST: the summary, the rows of one code, and a version without them."""

import pytest

from finetune_app.datasets.findings import CODES, FindingCode
from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.services.drop_rows import drop_rows
from finetune_app.datasets.services.request_task import request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.storage import blobs
from tests.datasets.makers import chat
from tests.datasets.tasks import put, run_task, run_task_at

FINDINGS = "/api/v1/datasets/support/versions/1/findings"
ROWS = [
    chat("Hello?", "Hi."),
    *(chat(f"Mail {place}?", f"person{place}@firm.de") for place in range(4)),
    chat("Hello?", "Hi."),
]


@pytest.fixture
def version(cast):
    return put(cast, "support", *ROWS)


@pytest.fixture
def rest(cast):
    return cast.api(cast.editor)


def test_the_task_until_it_is_done_then_the_summary(cast, version):
    rest = cast.api(cast.viewer)
    answer = rest.get(FINDINGS)
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert rest.get(f"{FINDINGS}/email").json()["code"] == "not_checked"
    run_task(DatasetTask.objects.get(kind=TaskKind.FINDINGS))
    found = rest.get(FINDINGS).json()
    assert (found["rows"], found["rows_found"], found["has_splits"]) == (6, 5, False)
    assert [each["code"] for each in found["codes"]] == list(CODES)
    assert {each["code"]: each["rows"] for each in found["codes"] if each["rows"]} == {"duplicate": 1, "email": 4}


def test_rows_come_in_pages(version, rest):
    run_task(request_task(version, TaskKind.FINDINGS))
    page = rest.get(f"{FINDINGS}/email?offset=1&limit=2").json()
    assert (page["count"], [each["row"] for each in page["items"]]) == (4, [3, 4])
    assert page["items"][0]["detail"] == "e-mail address: per…e"
    assert rest.get(f"{FINDINGS}/email?offset=4").json() == {"items": [], "count": 4}
    assert rest.get(f"{FINDINGS}/iban").json() == {"items": [], "count": 0}
    assert rest.get(f"{FINDINGS}/nothing").status_code == 422
    [twin] = rest.get(f"{FINDINGS}/duplicate").json()["items"]
    assert (twin["row"], twin["other"]) == (6, 1)


def test_a_version_without_chosen_rows_is_made(version, rest):
    run_task(request_task(version, TaskKind.FINDINGS))
    answer = rest.post(f"{FINDINGS}/drop", {"codes": ["duplicate", "email"]}, content_type="application/json")
    assert (answer.status_code, answer.json()["dropped"]) == (202, 5)
    task = DatasetTask.objects.get(kind=TaskKind.DERIVE)
    assert blobs.read(task.params["steps"]["drop_rows"]["sha256"]) == b"2\n3\n4\n5\n6\n"
    done = run_task_at(rest, answer.json()["task"]["url"])
    assert (done["state"], done["result"]["version"]) == ("succeeded", 2)
    assert rest.get("/api/v1/datasets/support/versions/2").json()["rows"] == 1


def test_who_asks_for_a_version_without_rows_gets_the_sum_too(cast, version):
    run_task(request_task(version, TaskKind.FINDINGS))
    task, total = drop_rows(cast.access(cast.editor), version, ["duplicate", "email"])
    assert task == DatasetTask.objects.get(kind=TaskKind.DERIVE)
    assert (total.now, total.dropped, total.then) == (6, 5, 1)
    assert total.reasons == {FindingCode.DUPLICATE: 1, FindingCode.EMAIL: 4}


@pytest.mark.parametrize(
    ("codes", "code"), [([], "nothing_to_drop"), (["iban"], "nothing_to_drop"), (["whatever"], "unknown_code")]
)
def test_a_wrong_choice_is_refused(version, rest, codes, code):
    run_task(request_task(version, TaskKind.FINDINGS))
    answer = rest.post(f"{FINDINGS}/drop", {"codes": codes}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, "codes")


def test_not_every_row_can_be_dropped(cast, rest):
    version = put(cast, "support", chat("Mail?", "a.person@firm.de"))
    run_task(request_task(version, TaskKind.FINDINGS))
    answer = rest.post(f"{FINDINGS}/drop", {"codes": ["email"]}, content_type="application/json")
    assert answer.json()["code"] == "no_rows_left"


def test_only_editors_drop_and_outsiders_see_nothing(cast, version, rest):
    body = {"codes": ["email"]}
    assert rest.post(f"{FINDINGS}/drop", body, content_type="application/json").json()["code"] == "not_checked"
    viewer, outsider = cast.api(cast.viewer), cast.api(cast.outsider)
    assert viewer.post(f"{FINDINGS}/drop", body, content_type="application/json").status_code == 403
    assert outsider.post(f"{FINDINGS}/drop", body, content_type="application/json").status_code == 404
    for path in ("", "/email"):
        assert outsider.get(f"{FINDINGS}{path}").status_code == 404
    version.tasks.all().delete()
    assert viewer.get(FINDINGS).status_code == 403
    assert rest.get(FINDINGS).status_code == 202
