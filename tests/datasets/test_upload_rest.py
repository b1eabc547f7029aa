"""Uploading over REST: the version, or an error with a stable code."""

import hashlib
import json
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from finetune_app.accounts.models import User
from finetune_app.datasets.models import Dataset
from tests.cast import Cast
from tests.datasets.makers import chat, jsonl, upload_file

DATASETS = "/api/v1/datasets"
GOOD = jsonl(chat(split="train"), chat("Why?", split="held_out"))
MIXED = jsonl(chat(), {"text": "Once."})


@pytest.fixture
def rest(cast: Cast, api: Callable[[User], Client]) -> Client:
    return api(cast.editor)


def test_a_good_file_becomes_a_version(rest: Client) -> None:
    answer = rest.post(DATASETS, {"name": "support", "file": upload_file(GOOD)})
    assert answer.status_code == 201
    version = answer.json()
    assert version.pop("created_at")
    assert version == {
        "dataset": "support",
        "version": 1,
        "sha256": hashlib.sha256(GOOD).hexdigest(),
        "size": len(GOOD),
        "file_name": "rows.jsonl",
        "file_format": "jsonl",
        "form": "chat",
        "rows_read": 2,
        "rows": 2,
        "train_rows": 1,
        "held_out_rows": 1,
        "bad_count": 0,
        "bad_rows": [],
        "read_from": [],
        "sources": [],
        "created_by": "editor",
    }


def test_the_same_bytes_again_answer_200_and_other_bytes_201(rest: Client) -> None:
    rest.post(DATASETS, {"name": "support", "file": upload_file(GOOD)})
    again = rest.post(DATASETS, {"name": "support", "file": upload_file(GOOD)})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    other = rest.post(DATASETS, {"name": "support", "file": upload_file(jsonl(chat()))})
    assert (other.status_code, other.json()["version"]) == (201, 2)


def test_bad_rows_are_details_of_the_error(rest: Client) -> None:
    answer = rest.post(DATASETS, {"name": "support", "file": upload_file(MIXED)})
    assert answer.status_code == 422
    error = answer.json()
    assert (error["code"], error["field"]) == ("bad_rows", "file")
    assert error["details"][0]["row"] == 2
    assert not Dataset.objects.exists()


def test_bad_rows_can_be_left_out(rest: Client) -> None:
    form = {"name": "support", "file": upload_file(MIXED), "leave_out_bad_rows": "true"}
    answer = rest.post(DATASETS, form)
    assert answer.status_code == 201
    assert (answer.json()["rows"], answer.json()["bad_count"]) == (1, 1)
    assert answer.json()["bad_rows"][0]["row"] == 2


@pytest.mark.parametrize(
    ("content", "name", "code", "field"),
    [
        (b"", "support", "empty_file", "file"),
        (b"PK\x03\x04", "support", "zip_file", "file"),
        (b"a,b\n", "support", "not_json", "file"),
        (b"\xff\xfe\x00\xd8", "support", "invalid_utf8", "file"),
        (b"[]", "support", "no_rows", "file"),
        (json.dumps({"x": 1}).encode(), "support", "no_good_rows", "file"),
        (GOOD, "Not A Name", "invalid_name", "name"),
    ],
)
def test_a_refusal_has_its_code_and_field(rest: Client, content: bytes, name: str, code: str, field: str) -> None:
    answer = rest.post(DATASETS, {"name": name, "file": upload_file(content)})
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["field"]) == (code, field)
    assert not Dataset.objects.exists()


def test_a_file_over_the_limit_answers_413(rest: Client, settings: Settings) -> None:
    settings.UPLOAD_LIMIT_BYTES = 10
    answer = rest.post(DATASETS, {"name": "support", "file": upload_file(GOOD)})
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


def test_a_missing_file_is_named(rest: Client) -> None:
    answer = rest.post(DATASETS, {"name": "support"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")


def test_a_viewer_may_not_upload_and_a_stranger_is_asked_for_a_token(cast: Cast, client: Client) -> None:
    answer = cast.api(cast.viewer).post(DATASETS, {"name": "support", "file": upload_file(GOOD)})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert client.post(DATASETS, {"name": "support", "file": upload_file(GOOD)}).status_code == 401
    assert not Dataset.objects.exists()


def test_files_of_a_table_are_read_with_columns_and_follow_one_another(rest: Client) -> None:
    files = [upload_file(b"q,a\nWhy?,So.\n", "one.csv"), upload_file(b"a;q\nYes.;Really?\n;x\n", "two.csv")]
    form = {"name": "faq", "file": files, "columns": '{"prompt": "q", "completion": "a"}', "leave_out_bad_rows": "true"}
    answer = rest.post(DATASETS, form)
    assert answer.status_code == 201
    version = answer.json()
    assert (version["rows_read"], version["rows"], version["bad_count"]) == (3, 2, 1)
    assert version["file_name"] == "one.csv and 1 more"
    assert version["read_from"] == [{"name": "one.csv", "kind": "CSV"}, {"name": "two.csv", "kind": "CSV"}]
    (bad,) = version["bad_rows"]
    assert (bad["file"], bad["row"], bad["text"]) == ("two.csv", 2, '{"prompt":"x","completion":""}')
    assert (
        rest.post(
            DATASETS, form | {"file": [upload_file(file.file.getvalue(), file.name) for file in files]}
        ).status_code
        == 200
    )


def test_a_form_can_be_named(rest: Client) -> None:
    content = jsonl({"prompt": "a", "completion": "b", "text": "c"})
    answer = rest.post(DATASETS, {"name": "book", "file": upload_file(content), "form": "text"})
    assert (answer.status_code, answer.json()["form"]) == (201, "text")


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [({"form": "poem"}, "invalid_form", "form"), ({"columns": "{"}, "invalid_columns", "columns")],
)
def test_choices_that_make_no_sense_are_refused(rest: Client, more: dict[str, str], code: str, field: str) -> None:
    answer = rest.post(DATASETS, {"name": "support", "file": upload_file(GOOD)} | more)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert not Dataset.objects.exists()


def test_an_unknown_form_brings_the_keys_along(rest: Client) -> None:
    answer = rest.post(DATASETS, {"name": "faq", "file": upload_file(b"q,a\nWhy?,So.\n", "faq.csv")})
    assert answer.status_code == 422
    assert answer.json()["details"][0]["keys"] == ["q", "a"]
