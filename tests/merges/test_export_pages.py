"""The pages of exports: what a person sees, asks for and is told."""

import pytest
from django.urls import reverse

from finetune_app.accounts.services.set_hub_token import set_hub_token
from finetune_app.merges.models import Export
from finetune_app.merges.states import Verdict
from finetune_app.work import run_task
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import Downloader, make_version
from tests.merges.exports import COMPARED, GGUF, READ_BACK, make_export
from tests.merges.makers import make_merged_model

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"
MERGED = "/w/team/adapters/adder/v/1/merged/1/"
NEW = f"{MERGED}exports/new"
ONE = f"{MERGED}exports/1/"


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


@pytest.fixture
def merged(version):
    return make_merged_model(version)


@pytest.fixture
def editor(cast):
    return cast.client(cast.editor)


def text(answer) -> str:
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("kind", "shown", "hidden"),
    [
        ("gguf", "Q4_K_M", 'name="scheme"'),
        ("quantized", 'name="scheme"', "Q4_K_M"),
        ("oci", "container registries", '<input type="radio"'),
    ],
)
def test_only_the_options_of_the_chosen_kind_are_shown(merged, editor, kind, shown, hidden):
    page = text(editor.get(NEW, {"kind": kind}))
    assert shown in page
    assert hidden not in page


def test_the_form_queues_the_export_and_leads_to_it(merged, editor):
    answer = editor.post(f"{NEW}?kind=quantized", {"scheme": "int4"})
    assert (answer.status_code, answer["Location"]) == (302, ONE)
    assert Export.objects.get().options == {"kind": "quantized", "scheme": "int4"}
    assert "Waiting for a training worker" in text(editor.get(ONE))
    assert "No training worker is online" in text(editor.get(ONE))


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_queued(merged, editor):
    answer = editor.post(f"{NEW}?kind=hub", {"repository": ""})
    assert answer.status_code == 422
    assert "repository" in answer.context["form"].errors
    answer = editor.post(f"{NEW}?kind=gguf", {"type": "Q9"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["type"])
    assert not Export.objects.exists()


def test_the_hub_is_offered_once_the_workspace_has_a_token(merged, editor, cast):
    page = text(editor.get(NEW, {"kind": "hub"}))
    assert "The workspace has no token for the hub" in page
    assert "/w/team/settings/hub-token" in page
    refused = editor.post(f"{NEW}?kind=hub", {"repository": "acme/adder"})
    assert (refused.status_code, Export.objects.count()) == (422, 0)
    set_hub_token(cast.access(cast.owner), token=TOKEN)
    assert 'name="repository"' in text(editor.get(NEW, {"kind": "hub"}))
    assert editor.post(f"{NEW}?kind=hub", {"repository": "acme/adder"}).status_code == 302
    assert Export.objects.get().options == {"kind": "hub", "repository": "acme/adder", "private": False}


def test_folders_are_offered_once_the_settings_name_places(merged, editor, settings):
    assert "GRAFT_EXPORT_PLACES" in text(editor.get(NEW, {"kind": "folder"}))
    settings.EXPORT_PLACES = {"models": "file:///srv/models"}
    page = text(editor.get(NEW, {"kind": "folder"}))
    assert '<option value="models">' in page
    assert editor.post(f"{NEW}?kind=folder", {"place": "models", "path": "adder"}).status_code == 302


def test_a_rejected_merge_is_not_exported_from_its_page(version, editor):
    make_merged_model(version, verdict=Verdict.REJECTED)
    answer = editor.post(f"{NEW}?kind=gguf", {"type": "Q8_0"})
    assert answer.status_code == 422
    assert "was rejected by its proof" in text(answer)


def test_progress_is_told_in_words_and_the_page_asks_again_until_it_is_over(merged, editor):
    editor.post(f"{NEW}?kind=gguf", {"type": "Q8_0"})
    task = claim_next_task("train@test", on_gpu=True)
    run_task.beat(task, done=7, total=14, phase="converting")
    part = text(editor.get(ONE, headers={"HX-Request": "true"}))
    assert "Converting, tensor by tensor" in part
    assert 'hx-trigger="every 1s"' in part
    run_task.succeed(task, {})
    assert editor.get(ONE, headers={"HX-Request": "true"})["HX-Redirect"] == ONE


def test_a_failure_says_why_and_what_to_do_and_can_be_tried_again(merged, editor):
    editor.post(f"{NEW}?kind=quantized", {"scheme": "int8"})
    run_task.fail(claim_next_task("train@test", on_gpu=True), "export_unfit", "It has experts.")
    page = text(editor.get(ONE))
    assert "It has experts." in page
    assert "Choose another kind of export." in page
    assert editor.post(f"{ONE}try-again")["Location"] == ONE
    assert Export.objects.get().state == TaskState.QUEUED
    editor.post(f"{ONE}cancel")
    assert "It was stopped" in text(editor.get(ONE))


def test_a_gguf_file_can_be_downloaded_and_the_lines_name_it(merged, editor, cast):
    export = make_export(cast.access(cast.editor), merged)
    page = text(editor.get(ONE))
    name = export.files[0]["path"]
    assert f"llama-server --model {name}" in page
    assert reverse("api:export_file", args=["adder", 1, 1, 1, name]) in page
    assert Downloader(cast, cast.viewer).get(f"{ONE}files/{name}").body == GGUF


def test_what_was_found_when_a_gguf_file_was_read_back_is_shown(merged, editor, cast):
    make_export(cast.access(cast.editor), merged, result=READ_BACK)
    page = text(editor.get(ONE))
    assert "0.0046" in page
    assert "5 tensors are F32, 15 tensors are Q8_0." in page
    assert "Green, I think." in page


def test_what_quantizing_cost_is_shown(merged, editor, cast):
    files = {"model.safetensors": b"packed", "config.json": b"{}"}
    make_export(cast.access(cast.editor), merged, {"kind": "quantized"}, files=files, result=COMPARED)
    page = text(editor.get(ONE))
    assert "95.8" in page
    assert "0.0123" in page
    assert "vllm serve ./adder-v1-merged-1-int8" in page


def test_the_commit_on_the_hub_is_shown_with_the_lines_that_load_it(merged, editor, cast):
    set_hub_token(cast.access(cast.owner), token=TOKEN)
    sent = {"repository": "acme/adder", "commit": "c" * 40, "url": "https://hub.example/acme/adder/tree/c"}
    make_export(cast.access(cast.editor), merged, {"kind": "hub", "repository": "acme/adder"}, files={}, result=sent)
    page = text(editor.get(ONE))
    assert 'href="https://hub.example/acme/adder/tree/c"' in page
    assert f"vllm serve acme/adder --revision {'c' * 40}" in page
    assert "GRAFT_TOKEN" not in page


def test_where_it_was_sent_is_shown(merged, editor, cast, settings):
    settings.EXPORT_PLACES = {"models": "file:///srv/models"}
    sent = {"place": "models", "path": "adder-v1", "files": 8, "size": 1000, "is_new": True}
    make_export(cast.access(cast.editor), merged, {"kind": "folder", "place": "models"}, files={}, result=sent)
    page = text(editor.get(ONE))
    assert "adder-v1" in page
    assert "Files</h2>" not in page


def test_deleting_leads_back_to_the_merged_model(merged, editor, cast):
    make_export(cast.access(cast.editor), merged)
    answer = editor.post(f"{ONE}delete")
    assert (answer.status_code, answer["Location"]) == (302, MERGED)
    assert editor.get(ONE).status_code == 404


def test_a_viewer_sees_no_buttons_and_may_not_press_them(merged, cast):
    make_export(cast.access(cast.editor), merged)
    viewer = cast.client(cast.viewer)
    page = text(viewer.get(ONE))
    assert "Use it" in page
    assert "Delete</button>" not in page
    answers = [viewer.get(NEW), viewer.post(f"{NEW}?kind=gguf", {"type": "F16"})]
    answers += [viewer.post(f"{ONE}{action}") for action in ("delete", "cancel", "try-again")]
    assert {answer.status_code for answer in answers} == {403}
    assert Export.objects.count() == 1


def test_an_outsider_finds_nothing(merged, cast):
    make_export(cast.access(cast.editor), merged)
    outsider = cast.client(cast.outsider)
    assert {outsider.get(address).status_code for address in (NEW, ONE, f"{ONE}files/SHA256SUMS")} == {404}


def test_the_page_of_a_merged_model_lists_its_exports(merged, editor, cast):
    assert "Not exported yet" in text(editor.get(MERGED))
    make_export(cast.access(cast.editor), merged)
    page = text(editor.get(MERGED))
    assert f'href="{ONE}"' in page
    assert f'href="{NEW}"' in page
