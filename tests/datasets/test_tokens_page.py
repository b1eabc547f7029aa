"""The tokens of a whole version: asked for once by an editor, then answered for every max length."""

import pytest

from adapters.services.register_base import register_base
from finetune_app.datasets.models import DatasetTask
from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.create_job import create_job
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.datasets.makers import chat
from tests.datasets.token_tasks import finish_tasks, upload_rows
from tests.tiny import make_tiny_base
from tests.tiny_base import register_tiny_base
from workers.run_worker_task import run_worker_task

PAGE = "/w/team/datasets/support/v/1/tokens"
REST = "/api/v1/datasets/support/versions/1/tokens?base_model=tiny"


@pytest.fixture
def version(cast):
    rows = [chat(f"Where is parcel {number}?") for number in range(19)] + [chat("word " * 200)]
    return upload_rows(cast.access(cast.editor), "support", *rows)


@pytest.fixture
def counted(cast, tiny_base, version):
    cast.client(cast.editor).post(PAGE)
    finish_tasks()
    return version


def order(cast, **config):
    return create_job(cast.access(cast.editor), adapter="a", dataset="support", base_model="tiny", config=config)


def test_an_editor_has_the_tokens_counted_and_a_viewer_cannot(cast, tiny_base, version):
    viewer, editor = cast.client(cast.viewer), cast.client(cast.editor)
    assert "Nobody has asked for it" in viewer.get(PAGE).content.decode()
    assert viewer.post(PAGE).status_code == 403
    assert not DatasetTask.objects.exists()
    assert "Count the tokens" in editor.get(PAGE).content.decode()
    assert editor.post(f"{PAGE}?base_model=tiny@1").headers["Location"] == f"{PAGE}?base_model=tiny@1"
    assert "Counting tokens" in viewer.get(PAGE).content.decode()
    finish_tasks()
    text = viewer.get(PAGE).content.decode()
    assert "At a max length of 1,024" in text
    assert 'href="/w/team/datasets/support/v/1/tokens"' in text


def test_another_max_length_changes_the_figures_at_once(cast, counted):
    viewer = cast.client(cast.viewer)
    part = viewer.get(f"{PAGE}?max_length=64", headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part
    assert "1 row has no token left to learn from" in part
    assert DatasetTask.objects.count() == 1
    assert "Max length: Must be 16 or more." in viewer.get(f"{PAGE}?max_length=1").content.decode()


def test_each_base_has_its_own_count(cast, counted):
    register_tiny_base(cast.team, seed=1)
    viewer = cast.client(cast.viewer)
    assert "Nobody has asked for it" in viewer.get(PAGE).content.decode()
    assert "At a max length of" in viewer.get(f"{PAGE}?base_model=tiny@1").content.decode()


def test_rest_gives_the_task_first_and_then_the_report(cast, tiny_base, version, api):
    refused = api(cast.viewer).get(REST)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    waiting = api(cast.editor).get(REST)
    assert (waiting.status_code, waiting.json()["state"]) == (202, "queued")
    finish_tasks()
    found = api(cast.viewer).get(f"{REST}&max_length=64").json()
    assert (found["rows"], found["cut_rows"], found["empty_rows"], found["steps"]) == (20, 1, 1, 2)
    assert sum(bar["rows"] for bar in found["histogram"]) == 20
    enough = api(cast.viewer).get(f"{REST}&max_length={found['shortest_max_length']}").json()
    assert (enough["empty_rows"], enough["cut_rows"]) == (0, 1)
    everything = api(cast.viewer).get(f"{REST}&max_length=64&completion_only_loss=false").json()
    assert everything["trained_tokens"] == found["tokens"] - 20
    assert api(cast.viewer).get(f"{REST}&max_length=1").json()["field"] == "max_length"
    assert api(cast.viewer).get(REST.replace("tiny", "nothing")).json()["code"] == "base_model_not_found"


@pytest.mark.parametrize("address", [PAGE, REST])
def test_an_outsider_gets_404(cast, counted, address, api):
    outsider = api(cast.outsider) if address == REST else cast.client(cast.outsider)
    assert outsider.get(address).status_code == 404
    assert outsider.post(address).status_code in {404, 405}


def test_a_job_that_would_learn_nothing_from_a_row_is_refused(cast, counted):
    for packing in (False, True):
        with pytest.raises(UserError) as refused:
            order(cast, max_length=64, held_out_share=0.0, packing=packing)
        assert (refused.value.code, refused.value.field) == ("answers_cut", "config.max_length")
        assert "1 row has no token to learn from within the max length of 64 tokens: row 20." in refused.value.message
    assert not Job.objects.exists()
    assert order(cast, max_length=64, held_out_share=0.0, completion_only_loss=False).state == "queued"
    assert order(cast, max_length=1024, held_out_share=0.0).state == "queued"


def test_a_row_that_is_held_out_anyway_stops_no_job(cast, counted):
    outcomes = set()
    for seed in range(12):  # about half of the seeds hold row 20 out
        try:
            order(cast, max_length=64, held_out_share=0.5, seed=seed)
            outcomes.add("queued")
        except UserError as error:
            outcomes.add(error.code)
    assert outcomes == {"queued", "answers_cut"}


def test_a_job_before_the_count_is_left_to_the_trainer(cast, tiny_base, version):
    assert order(cast, max_length=64).state == "queued"


def test_a_job_for_chat_rows_needs_a_base_with_a_chat_template(cast, version, tmp_path):
    make_tiny_base(tmp_path / "plain", template=None)
    register_base(cast.team, name="plain", folder=tmp_path / "plain", source="made by the tests")
    editor = cast.access(cast.editor)
    with pytest.raises(UserError) as refused:
        create_job(editor, adapter="a", dataset="support", base_model="plain", config={})
    assert (refused.value.code, refused.value.field) == ("template_missing", "base_model")
    assert not Job.objects.exists()
    upload_rows(editor, "book", {"text": "Once upon a time."}, {"text": "The end."})
    assert create_job(editor, adapter="a", dataset="book", base_model="plain", config={}).state == "queued"


def test_several_mistakes_come_together(cast, counted):
    with pytest.raises(InvalidFields) as refused:
        order(cast, max_length=64, held_out_share=0.0, target_modules=["qq_proj"])
    assert set(refused.value.errors) == {"config.max_length", "config.target_modules"}


def test_rows_of_preferences_are_counted_too(cast, tiny_base, api):
    pair = {"prompt": "Where?", "chosen": "Here.", "rejected": "No."}
    upload_rows(cast.access(cast.editor), "support", pair)
    assert "Count the tokens" in cast.client(cast.editor).get(PAGE).content.decode()
    assert api(cast.editor).get(REST).status_code == 202
    assert DatasetTask.objects.filter(kind="tokens").exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_counts_in_a_child_program(cast, tiny_base, version, api):
    assert api(cast.editor).get(REST).status_code == 202
    run_worker_task(claim_next_task("light@test"))
    task = DatasetTask.objects.get()
    assert (task.state, task.total, task.result["rows"]) == (TaskState.SUCCEEDED, 20, 20)
    assert api(cast.viewer).get(REST).json()["rows"] == 20
