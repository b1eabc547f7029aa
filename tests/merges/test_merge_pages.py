"""The pages of merged models: the card, the form, the progress, the proof, and who may do what."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from finetune_app.merges.models import MergedModel
from finetune_app.merges.report import GateName
from finetune_app.merges.states import Verdict
from finetune_app.merges.words import GATE_WORDS
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.jobs.queues import cpu_worker
from tests.merges.makers import make_merged_model, make_report
from tests.pages import one_line, words
from tests.tiny_base import register_tiny_base

VERSION = "/w/team/adapters/adder/v/1/"
NEW, FIRST, ALL = f"{VERSION}merged/new", f"{VERSION}merged/1/", "/w/team/adapters/merged"
HTMX = {"hx-request": "true"}
QLORA = {"quantization": "nf4", "r": 2}
# Beside session, user and membership, which every page asks for.
LIST_QUERIES, WHOLE_QUERIES, OPEN_QUERIES = 2, 3, 3


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


@pytest.fixture
def editor(cast):
    return cast.client(cast.editor)


def read(client, address, **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, address
    return words(answer.content.decode())


def test_the_version_says_what_a_merged_model_is_until_there_is_one(cast, editor, version):
    assert "Not merged yet" in read(editor, VERSION)
    assert NEW in editor.get(VERSION).content.decode()
    assert NEW not in cast.client(cast.viewer).get(VERSION).content.decode()
    make_merged_model(version)
    make_merged_model(version, verdict=Verdict.REJECTED)
    page = read(editor, VERSION)
    assert "Not merged yet" not in page
    assert "Merged model 2 Rejected" in page
    assert "Merged model 1 Verified" in page


def test_the_form_asks_for_a_merge_and_leads_to_it(editor, version):
    page = read(editor, NEW)
    assert "Precision of the weights" in page
    assert "Added to" not in page
    assert "Base and change are added in float32 and rounded to this once." in page
    answer = editor.post(NEW, {"dtype": "float32", "prompts": "80", "dataset": "", "base_model": "tiny@1"})
    assert (answer.status_code, answer["Location"]) == (302, FIRST)
    found = MergedModel.objects.get()
    assert found.options == {"dtype": "float32", "onto": "original", "compare_ways": False, "prompts": 80}


def test_a_qlora_adapter_gets_the_choice_of_the_weights(editor, tiny_base, tmp_path):
    make_version(tiny_base, tmp_path / "a", config=QLORA)
    page = read(editor, NEW)
    assert "The weights as they were in 4 bits" in page
    assert "Measure both ways" in page
    editor.post(NEW, {"dtype": "bfloat16", "onto": "quantized", "prompts": "64", "base_model": "tiny@1"})
    assert MergedModel.objects.get().options == {
        "dtype": "bfloat16",
        "onto": "quantized",
        "compare_ways": False,
        "prompts": 64,
    }


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(cast, editor, version):
    register_tiny_base(cast.team, seed=1)
    answer = editor.post(NEW, {"dtype": "int3", "prompts": "many", "dataset": "", "base_model": "tiny@1"})
    page = one_line(answer.content.decode())
    assert answer.status_code == 422
    assert "“many” is not a whole number." in page
    assert 'value="many"' in page
    assert "<details open>" in page
    answer = editor.post(NEW, {"dtype": "bfloat16", "prompts": "64", "dataset": "none", "base_model": "tiny@2"})
    page = words(answer.content.decode())
    assert "tiny@2 differs from it in its weights" in page
    assert MergedModel.objects.count() == 0


def test_what_no_field_is_about_stands_above_them(editor, tiny_base, tmp_path):
    make_version(tiny_base, tmp_path / "a", config={"method": "reward", "r": 2})
    answer = editor.post(NEW, {"dtype": "bfloat16", "prompts": "64", "base_model": "tiny@1"})
    assert answer.status_code == 422
    assert "it is a reward model" in words(answer.content.decode())


def test_a_viewer_looks_and_an_outsider_finds_nothing(cast, version):
    make_merged_model(version)
    viewer, outsider = cast.client(cast.viewer), cast.client(cast.outsider)
    assert "Verified" in read(viewer, FIRST)
    assert viewer.get(NEW).status_code == 403
    assert [viewer.post(f"{FIRST}{act}").status_code for act in ("cancel", "try-again")] == [403, 403]
    for address in (FIRST, NEW, ALL, f"{FIRST}report.json"):
        assert outsider.get(address).status_code == 404
    assert outsider.post(f"{FIRST}cancel").status_code == 404


def test_the_page_says_how_far_it_is_and_leads_to_the_proof_when_it_is_done(cast, editor, version):
    made = make_merged_model(version, state=TaskState.QUEUED)
    assert "Waiting for a training worker" in read(editor, FIRST)
    assert "No training worker is online." in read(editor, FIRST)
    claim_next_task("train@here", on_gpu=True)
    MergedModel.objects.update(phase="merging", done=3, total=12)
    part = editor.get(FIRST, headers=HTMX).content.decode()
    assert "<html" not in part
    assert "Adding the change to the base, tensor by tensor 3 B / 12 B" in words(part)
    assert 'hx-trigger="every 1s"' in part
    assert "Stop" in words(part)
    assert "Stop" not in words(cast.client(cast.viewer).get(FIRST, headers=HTMX).content.decode())
    MergedModel.objects.filter(pk=made.pk).update(state=TaskState.FAILED)
    assert editor.get(FIRST, headers=HTMX)["HX-Redirect"] == FIRST


def test_the_page_of_the_workers_says_who_merges(cast, editor, version):
    make_merged_model(version, state=TaskState.QUEUED)
    claim_next_task(cpu_worker("train@small").name, on_gpu=True)
    assert "merges, combines or exports" in read(editor, "/w/team/workers/")
    assert cast.api(cast.viewer).get("/api/v1/workers").json()["items"][0]["state"] == "busy"


def test_it_is_stopped_and_tried_again_from_its_page(editor, version):
    make_merged_model(version, state=TaskState.QUEUED)
    stopped = editor.post(f"{FIRST}cancel", follow=True).content.decode()
    assert "It was stopped" in words(stopped)
    assert "Nothing was kept." in words(stopped)
    again = editor.post(f"{FIRST}try-again", follow=True).content.decode()
    assert "Waiting for a training worker" in words(again)
    assert "Only a merge that failed" in words(editor.post(f"{FIRST}try-again", follow=True).content.decode())


def test_one_that_failed_says_why_and_what_to_do(editor, version):
    make_merged_model(version, state=TaskState.FAILED, error_code="disk_full", error="The worker's disk is full.")
    page = editor.get(FIRST).content.decode()
    assert "The merge failed The worker&#x27;s disk is full." in words(page)
    assert "Make room on the worker" in words(page)


def test_the_proof_is_told_in_words_with_its_limits(editor, version):
    make_merged_model(version)
    page = read(editor, FIRST)
    assert "The merged model answers as base with adapter do" in page
    assert "1,280" in page
    assert "Mean KL divergence from base with adapter, in nats per token 0.0004 at most 0.01" in page
    assert "Same most likely token as base with adapter 99.8 % at least 99 %" in page
    assert page.index("Where is parcel 63?") < page.index("Where is parcel 62?")
    assert "54 more differ less" in page
    assert "model.safetensors" in page
    assert "vllm serve" in page


def test_a_rejected_one_says_so_and_why(editor, version):
    make_merged_model(version, verdict=Verdict.REJECTED)
    page = read(editor, FIRST)
    assert "does not answer as base with adapter do" in page
    assert "Failed: Mean KL divergence from base with adapter, in nats per token 0.31 at most 0.01" in page
    assert "vllm serve" not in page


def test_both_ways_of_a_qlora_adapter_stand_beside_each_other(editor, version):
    make_merged_model(version, report=make_report(is_quantized=True))
    page = read(editor, FIRST)
    assert "the weights as they were in 4 bits come closer" in page
    assert "The weights as they were in 4 bits closer 0.001" in page
    assert "The original weights this one 0.02" in page


def test_the_report_is_given_as_it_was_written(editor, version):
    make_merged_model(version)
    answer = editor.get(f"{FIRST}report.json")
    assert answer["Content-Type"] == "application/json"
    assert json.loads(answer.content) == json.loads(make_report().model_dump_json())
    make_merged_model(version, state=TaskState.QUEUED)
    assert editor.get(f"{VERSION}merged/2/report.json").status_code == 404


def test_all_of_a_workspace_stand_in_one_list_the_newest_first(cast, editor, tiny_base, version, tmp_path):
    assert "Nothing was merged yet" in read(editor, ALL)
    make_merged_model(version)
    make_merged_model(make_version(tiny_base, tmp_path / "b", name="other", key="job-2"))
    page = read(editor, ALL)
    assert page.index("other v1 / 1") < page.index("adder v1 / 1")
    assert ALL in editor.get("/w/team/adapters/").content.decode()


def test_an_alias_and_a_number_mean_the_same_page(cast, editor, version):
    version.adapter.aliases.create(name="production", version=version)
    make_merged_model(version)
    assert "Merged model 1" in read(editor, "/w/team/adapters/adder/v/production/merged/1/")
    assert editor.get("/w/team/adapters/adder/v/production/merged/9/").status_code == 404


def test_every_gate_has_words():
    assert set(GATE_WORDS) == set(GateName)


@pytest.mark.parametrize("count", [2, 6])
def test_pages_cost_the_same_however_much_there_is(cast, version, count):
    client = cast.client(cast.viewer)
    client.get("/w/team/")
    for _ in range(count):
        make_merged_model(version)
    make_merged_model(version, state=TaskState.QUEUED)
    expected = {ALL: LIST_QUERIES, FIRST: WHOLE_QUERIES, f"{VERSION}merged/{count + 1}/": OPEN_QUERIES}
    found = {}
    for address in expected:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        found[address] = len(captured)
    assert found == {address: 3 + queries for address, queries in expected.items()}
