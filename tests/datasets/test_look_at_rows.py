"""The page “Rows”: search, filters and pages over rows that a real worker's child indexed, and who sees it."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from finetune_app.accounts.models import User
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.datasets.task_states import TaskKind
from finetune_app.work import run_task
from finetune_app.work.states import TaskState
from tests.cast import Cast
from tests.datasets.indexed import indexed, put
from tests.datasets.makers import chat, jsonl, upload_file
from tests.pages import words

PAGE = "/w/team/datasets/support/v/1/rows"
HTMX = {"hx-request": "true"}


@pytest.fixture
def viewer(cast: Cast, client_for: Callable[[User], Client]) -> Client:
    return client_for(cast.viewer)


def index_task(version: DatasetVersion) -> DatasetTask:
    return DatasetTask.objects.get(version=version, kind=TaskKind.INDEX)


def numbers(html: str) -> list[int]:
    """The rows on the page, in its order."""
    return [int(number) for number in re.findall(r'id="row-(\d+)"', html)]


def look(client: Client, **filters: object) -> list[int]:
    return numbers(client.get(PAGE, filters).content.decode())


def test_a_new_version_is_indexed_without_being_asked(cast: Cast) -> None:
    version, _ = upload_dataset(cast.access(cast.editor), name="support", file=upload_file(jsonl(chat())))
    assert index_task(version).state == TaskState.QUEUED


def test_while_the_index_is_made_the_first_rows_are_there(cast: Cast, viewer: Client) -> None:
    version = put(cast, chat("Where is my <parcel>?"))
    html = viewer.get(PAGE).content.decode()
    for text in ("Indexing the rows", "Waiting for a worker", "Where is my &lt;parcel&gt;?"):
        assert text in html
    task = run_task.claim_next_task("light@a")
    assert task is not None
    run_task.beat(task, done=3, total=12)
    part = viewer.get(PAGE, headers=HTMX)
    assert "3 / 12" in words(part.content.decode())
    assert "<html" not in part.content.decode()
    run_task.fail(task, "crashed", "It broke.")
    assert viewer.get(PAGE, headers=HTMX).headers["HX-Refresh"] == "true"
    assert index_task(version).error == "It broke."


def test_a_failed_index_can_be_tried_again_by_an_editor(cast: Cast, viewer: Client) -> None:
    version = put(cast, chat())
    task = run_task.claim_next_task("light@a")
    assert task is not None
    run_task.fail(task, "crashed", "It broke.")
    seen = viewer.get(PAGE).content.decode()
    assert "It broke." in seen
    assert "Try again" not in seen
    assert viewer.post(f"{PAGE}/index").status_code == 403
    assert index_task(version).state == TaskState.FAILED
    editor = cast.client(cast.editor)
    assert "Try again" in editor.get(PAGE).content.decode()
    assert editor.post(f"{PAGE}/index").headers["Location"] == PAGE
    assert index_task(version).state == TaskState.QUEUED


def test_a_version_that_nobody_indexed_can_be(cast: Cast) -> None:
    version = put(cast, chat())
    index_task(version).delete()
    editor = cast.client(cast.editor)
    assert "Index the rows" in editor.get(PAGE).content.decode()
    editor.post(f"{PAGE}/index")
    assert index_task(version).state == TaskState.QUEUED


def test_rows_are_shown_a_page_at_a_time(cast: Cast, viewer: Client) -> None:
    indexed(cast, *(chat(f"Question {number}?") for number in range(1, 121)))
    assert look(viewer) == list(range(1, 51))
    assert look(viewer, page=3) == list(range(101, 121))
    assert look(viewer, page=99) == list(range(101, 121))
    html = viewer.get(PAGE).content.decode()
    assert "120 rows" in words(html)
    assert "22 to 24 characters, median 23" in words(html)


def test_words_phrases_and_beginnings_are_found_and_marked(cast: Cast, viewer: Client) -> None:
    indexed(
        cast,
        chat("My parcel <b>is</b> late", "Sorry about the delay."),
        chat("Is my invoice late?", "No."),
        chat("Où est l'été?", "On the is parcel."),
        chat("東京の天気は?", "晴れです。"),
    )
    assert look(viewer, search="late") == [1, 2]
    assert look(viewer, search="LATE parcel") == [1]
    assert look(viewer, search='"parcel is"') == []
    assert look(viewer, search="“is parcel”") == [3]
    assert look(viewer, search="par*") == [1, 3]
    assert look(viewer, search="ete") == [3]
    assert look(viewer, search="天気") == [4]
    assert look(viewer, search="気天") == []
    html = viewer.get(PAGE, {"search": "late par*"}).content.decode()
    assert "My <mark>parcel</mark> &lt;b&gt;is&lt;/b&gt; <mark>late</mark>" in html


def test_filters_and_orders_go_together(cast: Cast, viewer: Client) -> None:
    indexed(
        cast,
        chat("parcel", "x" * 10, split="train"),
        chat("parcel", "x" * 30, split="train"),
        chat("parcel", "x" * 20, split="held_out"),
        {"messages": [{"role": "system", "content": "s"}, *chat("other", "x" * 40)["messages"]]},
    )
    assert look(viewer, split="train") == [1, 2]
    assert look(viewer, sort="longest") == [4, 2, 3, 1]
    assert look(viewer, sort="shortest", search="parcel") == [1, 3, 2]
    assert look(viewer, min_chars=26, max_chars=36) == [2, 3]
    assert look(viewer, messages=3) == [4]
    assert look(viewer, search="parcel", split="held_out", min_chars=1, sort="longest") == [3]


def test_htmx_gets_the_list_and_the_address_of_what_it_shows(cast: Cast, viewer: Client) -> None:
    indexed(cast, *(chat(f"parcel {number}") for number in range(60)))
    asked = {"search": "parcel", "split": "", "min_chars": "", "sort": "file", "page": "2"}
    part = viewer.get(PAGE, asked, headers=HTMX)
    assert part.content.decode().strip().startswith("<div")
    assert "<html" not in part.content.decode()
    assert part.headers["HX-Push-Url"] == f"{PAGE}?search=parcel&page=2"
    assert "HX-Request" in part.headers["Vary"]
    back = viewer.get(PAGE, asked, headers=HTMX | {"hx-history-restore-request": "true"}).content.decode()
    assert "<html" in back
    assert 'value="parcel"' in back


def test_nothing_found_says_so(cast: Cast, viewer: Client) -> None:
    indexed(cast, chat())
    for filters in ({"search": "nowhere"}, {"search": "???"}, {"split": "train"}):
        html = viewer.get(PAGE, filters).content.decode()
        assert "No row matches" in html
        assert "0 of 1 row" in words(html)


@pytest.mark.parametrize(
    "search", ['"', '"open', "a AND", "NEAR(", "-", "*", "col:x", "^x", "(", "'; --", "x*y*", "\x00"]
)
def test_whatever_is_typed_is_words(cast: Cast, viewer: Client, search: str) -> None:
    indexed(cast, chat())
    assert viewer.get(PAGE, {"search": search}).status_code == 200


def test_a_filter_that_cannot_be_read_says_why_and_filters_nothing(cast: Cast, viewer: Client) -> None:
    indexed(cast, chat())
    answer = viewer.get(PAGE, {"min_chars": "many", "split": "odd", "sort": "sideways"})
    assert answer.status_code == 200
    html = answer.content.decode()
    assert numbers(html) == [1]
    assert "Characters from: Enter a whole number." in words(html)


def test_a_row_is_reached_by_its_number(cast: Cast, viewer: Client) -> None:
    indexed(cast, {"messages": []}, *(chat(f"{number}?") for number in range(2, 72)))
    assert viewer.get(PAGE, {"row": "60"}).headers["Location"] == f"{PAGE}?page=2#row-60"
    assert viewer.get(PAGE, {"row": "2"}).headers["Location"] == f"{PAGE}#row-2"
    for wrong in ("1", "72", "-5", "x", "9" * 30):
        html = viewer.get(PAGE, {"row": wrong}, follow=True).content.decode()
        assert f"There is no row {wrong[:20]} among the good rows of support@1." in html


def test_the_page_asks_the_database_as_often_for_many_rows_as_for_one(
    cast: Cast, viewer: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    indexed(cast, *(chat(f"parcel {number}") for number in range(60)))
    viewer.get(PAGE)
    with django_assert_num_queries(7):  # session, user, membership, dataset, version, index, findings (for the tab)
        viewer.get(PAGE, {"search": "parcel", "sort": "longest"})


@pytest.mark.parametrize("path", ["", "/index"])
def test_an_outsider_sees_nothing(cast: Cast, path: str) -> None:
    indexed(cast, chat())
    outsider = cast.client(cast.outsider)
    assert outsider.get(PAGE).status_code == 404
    assert outsider.post(f"{PAGE}/index").status_code == 404
