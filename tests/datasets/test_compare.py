"""Two versions against each other: counts, row numbers and the words that differ, on the page and over REST."""

import pytest

from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.word_diff import word_diff
from finetune_app.storage import blobs
from tests.datasets.makers import chat, jsonl
from tests.datasets.tasks import put, put_old_array, run_task, run_task_at

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/w/team/datasets/support/compare"
REST = "/api/v1/datasets/support/compare?from=1&to=2"
OLD = [chat("a?", "One."), chat("b?", "It left <our> depot."), chat("c?", "Three."), chat("a?", "One.")]
NEW = [chat("d?", "Four."), chat("b?", "It reached your depot."), chat("a?", "One.")]


@pytest.fixture
def versions(cast):
    return put(cast, "support", *OLD), put(cast, "support", *NEW)


def test_rest_counts_and_lists_the_rows(cast, versions):
    rest = cast.api(cast.viewer)
    answer = rest.get(REST)
    assert answer.status_code == 202
    assert run_task_at(rest, answer.json()["task"]["url"])["state"] == "succeeded"
    found = rest.get(REST)
    assert found.status_code == 200
    assert found.json() == {
        "unchanged": 1,
        "changed": 1,
        "added": 1,
        "removed": 2,
        "group": "changed",
        "items": [{"before": 2, "after": 2}],
        "count": 1,
    }
    removed = rest.get(f"{REST}&group=removed").json()
    assert removed["items"] == [{"before": 3, "after": None}, {"before": 4, "after": None}]
    assert rest.get(f"{REST}&group=removed&offset=1&limit=1").json()["items"] == removed["items"][1:]
    assert rest.get(f"{REST}&group=removed&offset=7").json()["items"] == []
    assert rest.get(f"{REST}&group=added").json()["items"] == [{"before": None, "after": 1}]
    assert found.json()["unchanged"] + 1 + 1 == len(NEW)


def test_the_page_shows_what_differs(cast, versions):
    browser = cast.client(cast.viewer)
    waiting = browser.get(f"{PAGE}?from=1&to=2").content.decode()
    assert "Comparing support@1 with support@2" in waiting
    part = browser.get(f"{PAGE}?from=1&to=2", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    run_task(DatasetTask.objects.get(kind="diff"))
    assert browser.get(f"{PAGE}?from=1&to=2", headers={"HX-Request": "true"})["HX-Redirect"] == f"{PAGE}?from=1&to=2"
    text = browser.get(PAGE).content.decode()
    assert "<del>left</del>" in text
    assert "<ins>reached</ins>" in text
    assert "&lt;" in text
    assert "<our>" not in text
    added = browser.get(f"{PAGE}?group=added").content.decode()
    assert "Only in support@2" in added
    assert "Four." in added
    assert "Three." in browser.get(f"{PAGE}?group=removed").content.decode()


def test_many_rows_come_in_pages(cast):
    put(cast, "support", *OLD)
    put(cast, "support", *(chat(f"new {number}?", f"Number {number}.") for number in range(60)))
    browser = cast.client(cast.viewer)
    browser.get(PAGE)
    run_task(DatasetTask.objects.get(kind="diff"))
    last = browser.get(f"{PAGE}?group=added&page=3").content.decode()
    assert "Number 59." in last
    assert "Number 49." not in last


def test_a_split_that_was_written_is_a_change_and_old_arrays_can_be_compared(cast):
    put_old_array(cast, "support", *OLD[:2])
    put(cast, "support", *OLD[1:2], chat("a?", "One.", split="train"))
    rest = cast.api(cast.viewer)
    run_task_at(rest, rest.get(REST).json()["task"]["url"])
    assert rest.get(REST).json()["items"] == [{"before": 1, "after": 2}]
    text = cast.client(cast.viewer).get(PAGE).content.decode()
    assert "support@1, row 1" in text
    assert ">train</span>" in text


def test_plain_texts_are_added_and_removed_but_not_changed(cast):
    put(cast, "support", {"text": "Once."}, {"text": "Twice."})
    put(cast, "support", {"text": "Once."}, {"text": "Thrice."})
    rest = cast.api(cast.viewer)
    run_task_at(rest, rest.get(REST).json()["task"]["url"])
    found = rest.get(REST).json()
    assert (found["unchanged"], found["changed"], found["added"], found["removed"]) == (1, 0, 1, 1)


def test_rest_tells_of_a_comparison_that_failed_until_it_is_asked_again(cast, versions):
    blobs.delete(versions[0].sha256)
    rest = cast.api(cast.viewer)
    run_task_at(rest, rest.get(REST).json()["task"]["url"])
    for _ in range(2):
        answer = rest.get(REST)
        assert answer.status_code == 202
        assert (answer.json()["task"]["state"], answer.json()["task"]["error"]["code"]) == ("failed", "files_missing")
    blobs.put_bytes(jsonl(*OLD))
    again = rest.get(f"{REST}&again=true").json()["task"]
    assert (again["state"], again["error"]) == ("queued", None)
    run_task_at(rest, again["url"])
    assert rest.get(f"{REST}&again=true").status_code == 200


def test_what_cannot_be_compared_is_said(cast, versions):
    rest, browser = cast.api(cast.viewer), cast.client(cast.viewer)
    same = rest.get("/api/v1/datasets/support/compare?from=2&to=2")
    assert (same.status_code, same.json()["code"]) == (422, "same_version")
    assert rest.get("/api/v1/datasets/support/compare?from=2").status_code == 422
    assert rest.get("/api/v1/datasets/support/compare?from=2&to=9").status_code == 404
    assert "These are the same version" in browser.get(f"{PAGE}?from=1&to=1").content.decode()
    for wrong in ("x", "9" * 5000):
        assert "Select a valid choice" in browser.get(f"{PAGE}?from=7&to={wrong}").content.decode()
    assert not DatasetTask.objects.filter(kind="diff").exists()
    put(cast, "alone", *OLD)
    assert "There is one version only" in browser.get("/w/team/datasets/alone/compare").content.decode()


def test_an_outsider_sees_nothing(cast, versions):
    assert cast.client(cast.outsider).get(PAGE).status_code == 404
    assert cast.api(cast.outsider).get(REST).status_code == 404


@pytest.mark.parametrize(
    ("before", "after"), [("", "a"), ("a b", "a c b"), ("one, two", "two"), ("x\n y", "x y"), ("w " * 4000, "w")]
)
def test_the_pieces_of_a_word_diff_are_the_texts(before, after):
    old, new = word_diff(before, after)
    assert "".join(piece.text for piece in old) == before
    assert "".join(piece.text for piece in new) == after
    assert "".join(p.text for p in old if not p.differs) == "".join(p.text for p in new if not p.differs)
