"""Rows over REST: as they stand in the file, searched and filtered, with stable codes for what cannot be had."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from finetune_app.accounts.models import User
from finetune_app.datasets.services import look_at_rows
from tests.cast import Cast
from tests.datasets.indexed import indexed, put
from tests.datasets.makers import chat

ROWS = "/api/v1/datasets/support/versions/1/rows"


@pytest.fixture
def rest(cast: Cast, api: Callable[[User], Client]) -> Client:
    return api(cast.viewer)


def ask(rest: Client, **filters: Any) -> list[int]:
    answer = rest.get(ROWS, filters)
    assert answer.status_code == 200, answer.content
    return [item["row"] for item in answer.json()["items"]]


def test_a_row_comes_as_it_stands_in_the_file(cast: Cast, rest: Client) -> None:
    row = chat("Größe?\nSag!", "“42” 漢字 😀", split="train", source={"page": 3})
    indexed(cast, row, {"text": ""}, chat())
    answer = rest.get(ROWS).json()
    assert answer["count"] == 2
    assert answer["items"][0] == {
        "row": 1,
        "split": "train",
        "messages": 2,
        "characters": 20,
        "answer_characters": 9,
        "content": row,
    }
    assert answer["items"][1]["row"] == 3


def test_pages_search_filters_and_order(cast: Cast, rest: Client) -> None:
    indexed(cast, *(chat(f"parcel {number}", "x" * (20 - number)) for number in range(1, 11)), chat("other", "x" * 99))
    assert ask(rest, limit=2, offset=3) == [4, 5]
    assert ask(rest, offset=10) == [11]
    assert ask(rest, offset=11) == []
    assert ask(rest, search="parcel", sort="shortest", limit=1) == [9]
    assert ask(rest, search="parc* 10") == [10]
    assert ask(rest, sort="longest", limit=2) == [11, 1]
    assert ask(rest, min_chars=100) == [11]
    assert rest.get(ROWS, {"search": "parcel", "limit": 3}).json()["count"] == 10


def test_rows_of_an_array_and_numbers_that_json_lacks(cast: Cast, rest: Client) -> None:
    indexed(cast, array='[{"text": "one", "score": 1e999},\n {"text":\n "two", "big": 123456789012345678901}]')
    items = rest.get(ROWS).json()["items"]
    assert [item["content"]["text"] for item in items] == ["one", "two"]
    assert json.dumps(items[0]["content"]["score"]) != "Infinity"


def test_until_it_is_indexed_the_answer_says_so(cast: Cast, rest: Client) -> None:
    version = put(cast, chat())
    answer = rest.get(ROWS)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_indexed")
    assert "being indexed" in answer.json()["message"]
    version.tasks.update(state="failed", error="It broke.")
    assert "could not be indexed: It broke. Try again" in rest.get(ROWS).json()["message"]
    version.tasks.all().delete()
    assert "are not indexed" in rest.get(ROWS).json()["message"]


@pytest.mark.parametrize(
    "filters",
    [{"limit": 201}, {"offset": -1}, {"split": "odd"}, {"sort": "odd"}, {"min_chars": -1}, {"search": "x" * 201}],
)
def test_a_wrong_parameter_is_named(cast: Cast, rest: Client, filters: dict[str, Any]) -> None:
    indexed(cast, chat())
    answer = rest.get(ROWS, filters)
    assert answer.status_code == 422
    assert answer.json()["field"] == next(iter(filters))


def test_a_page_that_is_too_large_is_refused(cast: Cast, rest: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_at_rows, "PAGE_LIMIT_BYTES", 5_000)
    indexed(cast, *(chat("q?", "x" * 2_000) for _ in range(3)))
    answer = rest.get(ROWS)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "page_too_large", "limit")
    assert ask(rest, limit=2) == [1, 2]


def test_large_rows_are_read_in_batches(cast: Cast, rest: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_at_rows, "BATCH_BYTES", 4_500)
    indexed(cast, *(chat("q?", "x" * 2_000) for _ in range(5)), chat("q?", "x" * 9_000), chat())
    assert ask(rest) == [1, 2, 3, 4, 5, 6, 7]


def test_outsiders_and_versions_that_do_not_exist(cast: Cast, rest: Client, api: Callable[[User], Client]) -> None:
    put(cast, chat())
    assert api(cast.outsider).get(ROWS).status_code == 404
    assert rest.get(ROWS.replace("/1/", "/9/")).json()["code"] == "dataset_version_not_found"
    assert Client().get(ROWS).status_code == 401
