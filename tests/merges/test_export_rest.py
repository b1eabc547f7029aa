"""Exports over REST: ask, look, stop, try again, delete, download, and who may."""

import hashlib

import pytest

from finetune_app.accounts.services.set_hub_token import set_hub_token
from finetune_app.merges.models import Export
from finetune_app.merges.states import Verdict
from finetune_app.work import run_task
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import Downloader, make_version
from tests.merges.exports import COMPARED, GGUF, make_export
from tests.merges.makers import make_merged_model

ALL = "/api/v1/adapters/adder/versions/1/merged/1/exports"
ONE = f"{ALL}/1"


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


@pytest.fixture
def merged(version):
    return make_merged_model(version)


@pytest.fixture
def editor(cast):
    return cast.api(cast.editor)


def post(client, address, **body):
    return client.post(address, body, content_type="application/json")


def test_an_editor_asks_and_gets_an_address_to_look_at(merged, editor):
    answer = post(editor, ALL, kind="quantized", scheme="int4")
    assert answer.status_code == 202
    told = answer.json()
    assert (told["reference"], told["state"], told["files"]) == ("adder@1/1/1", "queued", [])
    assert told["options"] == {"kind": "quantized", "scheme": "int4"}
    assert editor.get(told["url"]).json() == told
    assert editor.get(ALL).json() == {"items": [told], "count": 1}


def test_a_wrong_option_is_named(merged, editor):
    answer = post(editor, ALL, kind="gguf", type="Q9")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_fields", "type")
    answer = post(editor, ALL, kind="zip")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "kind_unknown", "kind")


def test_a_rejected_one_is_not_exported_nor_reached_by_an_alias(version, editor, cast):
    make_merged_model(version, verdict=Verdict.REJECTED)
    answer = post(editor, ALL, kind="gguf")
    assert (answer.status_code, answer.json()["code"]) == (422, "merge_not_verified")
    version.adapter.aliases.create(name="production", version=version)
    answer = post(editor, ALL.replace("versions/1", "versions/production"), kind="gguf")
    assert (answer.status_code, answer.json()["code"]) == (409, "merge_rejected")


def test_by_an_alias_and_as_verified_the_newest_proven_one_is_meant(version, merged, editor, cast):
    version.adapter.aliases.create(name="production", version=version)
    make_merged_model(version, verdict=Verdict.REJECTED)
    make_export(cast.access(cast.editor), merged)
    address = "/api/v1/adapters/adder/versions/production/merged/verified/exports/1"
    assert editor.get(address).json()["reference"] == "adder@1/1/1"


def test_why_one_failed_is_told(merged, editor):
    post(editor, ALL, kind="quantized")
    run_task.fail(claim_next_task("train@test", on_gpu=True), "export_unfit", "It has experts.")
    told = editor.get(ONE).json()
    assert (told["state"], told["error"]["code"], told["result"]) == ("failed", "export_unfit", {})
    assert post(editor, f"{ONE}/try-again").json()["state"] == "queued"


def test_one_is_stopped_tried_again_and_deleted(merged, editor):
    post(editor, ALL, kind="gguf")
    assert post(editor, f"{ONE}/cancel").json()["error"]["code"] == "cancelled"
    assert post(editor, f"{ONE}/cancel").status_code == 409
    assert post(editor, f"{ONE}/try-again").json()["state"] == "queued"
    assert editor.delete(ONE).status_code == 204
    assert editor.get(ONE).json()["code"] == "export_not_found"


def test_what_was_measured_is_told(merged, editor, cast):
    make_export(cast.access(cast.editor), merged, {"kind": "quantized", "scheme": "int4"}, result=COMPARED)
    assert editor.get(ONE).json()["result"]["compared"]["kl"] == 0.0123


def test_a_viewer_looks_and_downloads_but_changes_nothing(merged, cast):
    make_export(cast.access(cast.editor), merged)
    viewer = cast.api(cast.viewer)
    assert viewer.get(ONE).status_code == viewer.get(ALL).status_code == 200
    refused = [post(viewer, ALL, kind="oci"), viewer.delete(ONE)]
    refused += [post(viewer, f"{ONE}/{action}") for action in ("cancel", "try-again")]
    assert {answer.status_code for answer in refused} == {403}
    assert Export.objects.get().state == TaskState.SUCCEEDED


def test_an_outsider_finds_nothing(merged, cast):
    make_export(cast.access(cast.editor), merged)
    outsider = cast.api(cast.outsider)
    answers = [outsider.get(ALL), outsider.get(ONE), post(outsider, ALL, kind="gguf"), outsider.delete(ONE)]
    answers.append(outsider.get(f"{ONE}/files/SHA256SUMS"))
    assert {answer.status_code for answer in answers} == {404}


def test_a_file_is_downloaded_whole_in_part_and_not_twice(merged, cast):
    export = make_export(cast.access(cast.editor), merged)
    downloads = Downloader(cast, cast.viewer)
    address = f"{ONE}/files/{export.files[0]['path']}"
    whole = downloads.get(address)
    assert (whole.status, whole.body) == (200, GGUF)
    assert whole.headers["Cache-Control"] == "private, no-cache"  # a number may be given to another export
    part = downloads.get(address, range="bytes=100-", if_range=whole.headers["ETag"])
    assert (part.status, part.body) == (206, GGUF[100:])
    assert downloads.get(address, if_none_match=whole.headers["ETag"]).status == 304
    sums = downloads.get(f"{ONE}/files/SHA256SUMS").body.decode()
    assert sums == f"{hashlib.sha256(GGUF).hexdigest()}  {export.files[0]['path']}\n"
    assert downloads.get(f"{ONE}/files/other.gguf").status == 404
    assert downloads.head(address).headers["Content-Length"] == str(len(GGUF))


def test_what_was_sent_elsewhere_has_no_files_here(merged, cast, editor):
    set_hub_token(cast.access(cast.owner), token="hf_abcdefghijklmnopqrstuvwxyz")
    make_export(
        cast.access(cast.editor), merged, {"kind": "hub", "repository": "acme/adder"}, files={}, result={"url": "u"}
    )
    assert editor.get(ONE).json()["files"] == []
    assert editor.get(f"{ONE}/files/SHA256SUMS").status_code == 404
