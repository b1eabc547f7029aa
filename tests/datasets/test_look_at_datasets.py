"""What people see of datasets, on the pages and over REST, and who sees it."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from finetune_app.accounts.models import User
from finetune_app.datasets.services.upload_dataset import upload_dataset
from tests.cast import Cast
from tests.datasets.makers import chat, jsonl, upload_file


@pytest.fixture
def viewer(cast: Cast, client_for: Callable[[User], Client]) -> Client:
    return client_for(cast.viewer)


def put(cast: Cast, name: str, *contents: bytes) -> None:
    for content in contents:
        upload_dataset(cast.access(cast.editor), name=name, file=upload_file(content), leave_out_bad_rows=True)


def test_an_empty_list_teaches_the_forms(cast: Cast, viewer: Client) -> None:
    text = viewer.get("/w/team/datasets/").content.decode()
    for words in ("No datasets yet", "ShareGPT", "completion", "continued pretraining"):
        assert words in text
    assert "Upload" not in text
    assert "Make the first dataset" in cast.client(cast.editor).get("/w/team/datasets/").content.decode()


def test_the_list_shows_the_newest_version_of_each(cast: Cast, viewer: Client) -> None:
    put(cast, "support", jsonl(chat()), jsonl(chat("a?"), chat("b?")))
    text = viewer.get("/w/team/datasets/").content.decode()
    assert "/w/team/datasets/support/v/2/" in text
    assert "/w/team/datasets/support/v/1/" not in text
    assert "/w/team/datasets/new" not in text


def test_the_list_asks_the_database_as_often_for_many_as_for_one(
    cast: Cast, viewer: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        put(cast, f"set-{number}", jsonl(chat(f"{number}?")), jsonl(chat(f"again {number}?")))
    viewer.get("/w/team/datasets/")
    with django_assert_num_queries(6):  # session, user, membership, imports, count, versions
        viewer.get("/w/team/datasets/")


def test_a_dataset_shows_its_versions(cast: Cast, viewer: Client) -> None:
    put(cast, "support", jsonl(chat()), jsonl(chat("a?")))
    text = viewer.get("/w/team/datasets/support/").content.decode()
    assert "/w/team/datasets/support/v/1/" in text
    assert "/w/team/datasets/support/v/2/" in text
    assert "by editor" in text
    assert "new?name=support" in cast.client(cast.editor).get("/w/team/datasets/support/").content.decode()


def test_a_version_shows_counts_rows_and_what_was_left_out(cast: Cast, viewer: Client) -> None:
    put(cast, "support", jsonl(chat("<b>Why?</b>\nTell me.", "Because.", split="train"), {"text": ""}))
    text = viewer.get("/w/team/datasets/support/v/1/").content.decode()
    for words in (
        "Chat, JSONL",
        "&lt;b&gt;Why?&lt;/b&gt;\nTell me.",
        "Because.",
        "learned from",
        "Marked “train”",
        "1 row left out",
        "The row has the form “text”",
    ):
        assert words in text
    assert "Fine-tune" not in text
    editors = cast.client(cast.editor).get("/w/team/datasets/support/v/1/").content.decode()
    assert "/w/team/jobs/new?dataset=support%401" in editors


def test_a_version_of_plain_text_shows_the_text(cast: Cast, viewer: Client) -> None:
    put(cast, "book", jsonl({"text": "Once upon a time."}))
    text = viewer.get("/w/team/datasets/book/v/1/").content.decode()
    assert "Plain text, JSONL" in text
    assert "Once upon a time." in text


@pytest.mark.parametrize("path", ["", "support/", "support/v/1/"])
def test_an_outsider_sees_nothing(cast: Cast, path: str) -> None:
    put(cast, "support", jsonl(chat()))
    assert cast.client(cast.outsider).get(f"/w/team/datasets/{path}").status_code == 404


@pytest.mark.parametrize("path", ["support/", "support/v/1/", "support/v/9/"])
def test_what_does_not_exist_is_404(cast: Cast, viewer: Client, path: str) -> None:
    if path.endswith("9/"):
        put(cast, "support", jsonl(chat()))
    assert viewer.get(f"/w/team/datasets/{path}").status_code == 404


def test_rest_lists_and_pages(cast: Cast, api: Callable[[User], Client]) -> None:
    for name in ("a", "b", "c"):
        put(cast, name, jsonl(chat(f"{name}?")))
    rest = api(cast.viewer)
    everything = rest.get("/api/v1/datasets").json()
    assert everything["count"] == 3
    assert [item["name"] for item in everything["items"]] == ["c", "b", "a"]
    page = rest.get("/api/v1/datasets?limit=1&offset=1").json()
    assert (page["count"], [item["name"] for item in page["items"]]) == (3, ["b"])
    assert rest.get("/api/v1/datasets?limit=201").status_code == 422


def test_rest_shows_a_dataset_with_its_versions(cast: Cast, api: Callable[[User], Client]) -> None:
    put(cast, "support", jsonl(chat()), jsonl(chat("a?"), {"text": "x"}))
    rest = api(cast.viewer)
    found = rest.get("/api/v1/datasets/support").json()
    assert found["name"] == "support"
    assert [(version["version"], version["rows"], version["bad_count"]) for version in found["versions"]] == [
        (2, 1, 1),
        (1, 1, 0),
    ]
    assert rest.get("/api/v1/datasets/support/versions/2").json() == found["versions"][0]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nothing", "dataset_not_found"),
        ("/nothing/versions/1", "dataset_not_found"),
        ("/support/versions/7", "dataset_version_not_found"),
    ],
)
def test_rest_says_what_does_not_exist(cast: Cast, api: Callable[[User], Client], path: str, code: str) -> None:
    put(cast, "support", jsonl(chat()))
    answer = api(cast.viewer).get(f"/api/v1/datasets{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert api(cast.outsider).get(f"/api/v1/datasets{path}").status_code == 404


def test_a_version_shows_tools_and_their_results(cast: Cast, viewer: Client) -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": {"city": "Lima"}}}]}
    messages = [{"role": "user", "content": "Rain?"}, call, {"role": "tool", "content": "<dry>"}, *chat()["messages"]]
    put(cast, "tools", jsonl({"messages": messages, "tools": [{"name": "find"}]}))
    text = viewer.get("/w/team/datasets/tools/v/1/").content.decode()
    for words in ("Tools:", "<code>find</code>", "{&quot;city&quot;:&quot;Lima&quot;}", "&lt;dry&gt;", "Tool"):
        assert words in text


def test_a_version_of_preferences_shows_both_answers(cast: Cast, viewer: Client) -> None:
    put(cast, "pairs", jsonl({"prompt": "Why?", "chosen": "Because it rains.", "rejected": "No idea."}))
    text = viewer.get("/w/team/datasets/pairs/v/1/").content.decode()
    for words in ("Preference, JSONL", "Chosen", "Because it rains.", "Rejected", "No idea."):
        assert words in text
    assert "learned from" not in text


def test_a_version_of_kto_shows_what_is_good(cast: Cast, viewer: Client) -> None:
    put(
        cast,
        "votes",
        jsonl({"prompt": "a", "completion": "b", "label": True}, {"prompt": "c", "completion": "d", "label": False}),
    )
    text = viewer.get("/w/team/datasets/votes/v/1/").content.decode()
    assert "good answer" in text
    assert "bad answer" in text


def test_the_rows_left_out_show_their_text_and_the_counts_add_up(cast: Cast, viewer: Client) -> None:
    put(cast, "support", jsonl(chat(), {"text": "<once>"}))
    answer = viewer.get("/w/team/datasets/support/v/1/")
    version = answer.context["version"]
    assert (version.rows_read, version.rows, len(version.bad_rows)) == (2, 1, 1)
    assert "{&quot;text&quot;: &quot;&lt;once&gt;&quot;}" in answer.content.decode()
