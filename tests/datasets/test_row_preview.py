"""Any row as a base will see it, token by token: on the page, over REST, made by a real worker program."""

import json
import re
from pathlib import Path

import pytest

from adapters.services.register_base import register_base
from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.services.look_at_rows import index_of
from finetune_app.datasets.task_states import TaskKind
from finetune_app.storage import blobs
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.datasets.indexed import indexed
from tests.datasets.makers import chat, jsonl
from tests.datasets.token_tasks import finish_tasks, upload_rows
from tests.tiny import make_tiny_base
from tests.tiny_base import register_tiny_base
from workers.dataset_tasks import preview
from workers.run_worker_task import run_worker_task

PAGE = "/w/team/datasets/support/v/1/rows/2"
REST = "/api/v1/datasets/support/versions/1/preview/2?base_model=tiny"
ROWS = [chat(), chat("What is\n<b>this</b>?", "A parcel 🌱."), {"nothing": 1}, chat("word " * 300)]
RENDERED = "<|im_start|>user\nWhat is\n<b>this</b>?<|im_end|>\n<|im_start|>assistant\nA parcel 🌱.<|im_end|>\n"


@pytest.fixture
def version(cast):
    return upload_rows(cast.access(cast.editor), "support", *ROWS)


def register_plain_base(cast, folder: Path):
    make_tiny_base(folder, template=None)
    return register_base(cast.team, name="plain", folder=folder, source="made by the tests")


def test_a_page_waits_for_the_worker_and_then_shows_each_token(cast, tiny_base, version):
    viewer = cast.client(cast.viewer)
    waiting = viewer.get(PAGE).content.decode()
    assert "Reading the row" in waiting
    assert f'hx-get="{PAGE}"' in waiting
    finish_tasks()
    part = viewer.get(PAGE, headers={"hx-request": "true"})
    assert "HX-Request" in part.headers["Vary"]
    text = part.content.decode()
    assert "<html" not in text
    assert "hx-get" not in text
    assert re.search(
        r'<span\s+class="token token-masked token-special"[^>]*title="Token 1, id 1, masked, special"[^>]*>', text
    )
    assert re.search(r'class="token token-trained"[^>]*>A<', text)
    assert "&lt;" in text
    assert "<b>this" not in text
    assert "↵\n" in text


def test_the_max_length_is_answered_without_a_worker(cast, tiny_base, version):
    viewer = cast.client(cast.viewer)
    viewer.get(PAGE)
    finish_tasks()
    text = viewer.get(f"{PAGE}?max_length=16").content.decode()
    assert "token-cut" in text
    assert "Nothing is left to learn from within 16 tokens, so a job refuses this row." in text
    assert DatasetTask.objects.count() == 1
    assert "Max length: Must be 16 or more." in viewer.get(f"{PAGE}?max_length=3").content.decode()


def test_the_page_leads_to_the_rows_beside_it_with_the_same_base(cast, tiny_base, version):
    newer = register_tiny_base(cast.team, seed=1)
    text = cast.client(cast.viewer).get(f"{PAGE}?base_model=tiny@1&max_length=77").content.decode()
    assert "/v/1/rows/1?max_length=77&amp;base_model=tiny%401" in text
    assert "/v/1/rows/3?" in text
    assert '<option value="tiny@1" selected>' in text
    assert DatasetTask.objects.get().params == {"base_revision": tiny_base.pk, "row": 2}
    cast.client(cast.viewer).get(PAGE)
    assert DatasetTask.objects.last().params["base_revision"] == newer.pk


@pytest.mark.parametrize("row", [0, 4, 999_999_999])
def test_a_row_that_does_not_exist(cast, tiny_base, version, row):
    assert cast.client(cast.viewer).get(f"/w/team/datasets/support/v/1/rows/{row}").status_code == 404
    assert not DatasetTask.objects.exists()


def test_a_row_that_was_left_out_but_still_lies_in_the_file_says_why(cast, tiny_base, version):
    """As in versions of older releases."""
    blob = blobs.put_bytes(jsonl(chat(), {"nothing": 1}, chat("again?")))
    version.sha256, version.rows, version.bad_rows = blob.sha256, 2, [{"row": 2, "reason": "It has no messages."}]
    version.save()
    viewer = cast.client(cast.viewer)
    assert "Row 2 was left out on upload: It has no messages." in viewer.get(PAGE).content.decode()
    assert not DatasetTask.objects.exists()
    third = PAGE.replace("rows/2", "rows/3")
    viewer.get(third)
    finish_tasks()
    assert 'id="tokens"' in viewer.get(third).content.decode()


def test_a_base_without_chat_template_is_an_error_at_once(cast, version, tmp_path, api):
    register_plain_base(cast, tmp_path / "plain")
    assert "plain@1 has no chat template" in cast.client(cast.viewer).get(PAGE).content.decode()
    answer = api(cast.viewer).get(REST.replace("tiny", "plain"))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        422,
        "template_missing",
        "base_model",
    )
    assert not DatasetTask.objects.exists()


@pytest.mark.parametrize("is_array", [False, True])
def test_of_an_indexed_version_only_the_row_is_read(cast, tiny_base, api, monkeypatch, is_array):
    monkeypatch.setattr(preview, "place_rows", lambda *_: pytest.fail("all rows were read"))
    rows = [*ROWS[:3], ROWS[1], *ROWS[3:]]
    indexed(cast, *([] if is_array else rows), array=json.dumps(rows, indent=1) if is_array else "")
    rest, address = api(cast.viewer), REST.replace("/2?", "/4?")
    rest.get(address)
    finish_tasks()
    found = rest.get(address).json()
    assert (found["row"], found["text"]) == (4, RENDERED)


def test_without_the_index_file_all_rows_are_read(cast, tiny_base, api):
    version = indexed(cast, *ROWS)
    blobs.delete(index_of(version).result["index_blob"])
    rest = api(cast.viewer)
    rest.get(REST)
    finish_tasks()
    assert rest.get(REST).json()["text"] == RENDERED


def test_without_any_base_the_page_says_what_is_missing(cast, version):
    assert "No base model yet" in cast.client(cast.viewer).get(PAGE).content.decode()


def test_a_long_row_is_shown_page_by_page_and_kept_as_a_blob(cast, tiny_base):
    upload_rows(cast.access(cast.editor), "long", chat("word " * 4000, "yes"))
    viewer, page = cast.client(cast.viewer), "/w/team/datasets/long/v/1/rows/1?max_length=20000"
    viewer.get(page)
    finish_tasks()
    assert "blob" in DatasetTask.objects.get().result
    first = viewer.get(page).content.decode()
    assert first.count('role="listitem"') == 2000
    assert "page=2" in first
    assert 'title="Token 2001,' in viewer.get(f"{page}&page=2").content.decode()


def test_rest_gives_the_task_first_and_then_the_tokens(cast, tiny_base, version, api):
    rest = api(cast.viewer)
    waiting = rest.get(REST)
    assert (waiting.status_code, waiting.json()["state"]) == (202, "queued")
    finish_tasks()
    found = rest.get(REST).json()
    assert found["text"] == RENDERED == "".join(token["piece"] for token in found["tokens"])
    trained = "".join(token["piece"] for token in found["tokens"] if token["part"] == "trained")
    assert trained == "A parcel 🌱.<|im_end|>\n"
    assert (found["base_model"], found["dataset"], found["row"], found["warnings"]) == ("tiny@1", "support@1", 2, [])
    assert found["trained"] + found["masked"] == found["total"] == len(found["tokens"])
    short = rest.get(f"{REST}&max_length={found['total'] - 2}").json()
    assert (short["cut"], short["trained"]) == (2, found["trained"] - 2)
    assert short["warnings"] == [
        f"The answer loses its last 2 tokens. A max length of {found['total']} keeps all of it."
    ]
    assert rest.get(f"{REST}&max_length=3").json()["field"] == "max_length"


def test_what_failed_is_told_and_tried_again_when_asked(cast, tiny_base, version, api):
    viewer = cast.client(cast.viewer)
    viewer.get(PAGE)
    DatasetTask.objects.update(state=TaskState.FAILED, error_code="worker_lost", error="The worker stopped.")
    for _ in range(2):
        text = viewer.get(PAGE).content.decode()
        assert "The worker stopped." in text
        assert "Try again" in text
    answer = api(cast.viewer).get(REST)
    assert (answer.status_code, answer.json()["code"]) == (422, "worker_lost")
    assert viewer.post(PAGE).status_code == 302
    assert DatasetTask.objects.get().state == TaskState.QUEUED


@pytest.mark.parametrize("address", [PAGE, REST])
def test_an_outsider_gets_404(cast, tiny_base, version, address, api):
    outsider = api(cast.outsider) if address == REST else cast.client(cast.outsider)
    assert outsider.get(address).status_code == 404
    assert not DatasetTask.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_makes_the_preview_in_a_child_program(cast, tiny_base, version, api):
    rest = api(cast.viewer)
    assert rest.get(REST).status_code == 202
    run_worker_task(claim_next_task("light@test"))
    task = DatasetTask.objects.get()
    assert (task.state, task.kind) == (TaskState.SUCCEEDED, TaskKind.PREVIEW)
    assert rest.get(REST).json()["text"] == RENDERED


def test_every_turn_of_the_assistant_is_shown_as_learned_where_that_is_asked(cast, tiny_base, api):
    turns = [
        {"role": role, "content": content}
        for role, content in (("user", "a?"), ("assistant", "first"), ("user", "b?"), ("assistant", "second"))
    ]
    upload_rows(cast.access(cast.editor), "support", {"messages": turns})
    viewer = cast.client(cast.viewer)
    page = PAGE.replace("/2", "/1")
    for address in (page, f"{page}?loss_on=assistant"):
        viewer.get(address)
    finish_tasks()
    learned = [
        re.findall(
            r'class="token token-trained[^"]*"\s+role="listitem"[^>]*>([^<]*)<', viewer.get(address).content.decode()
        )
        for address in (page, f"{page}?loss_on=assistant")
    ]
    assert "".join(learned[0]).startswith("second")
    assert "".join(learned[1]).startswith("first")
    assert "".join(learned[1]).count("&lt;|im_end|&gt;") == 2
    assert '<option value="assistant" selected>' in viewer.get(f"{page}?loss_on=assistant").content.decode()
    rest = REST.replace("/2?", "/1?")
    found = [
        api(cast.viewer).get(f"{rest}{option}").json()["trained"]
        for option in ("", "&assistant_only_loss=true", "&completion_only_loss=false")
        if api(cast.viewer).get(f"{rest}{option}").status_code == 200
    ]
    assert found == [len(learned[0]), len(learned[1])]
