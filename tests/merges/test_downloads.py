"""Files of merged models, from the browser and over REST: a rejected one comes only to who names both numbers."""

import hashlib
import re
import subprocess

import pytest

from finetune_app.merges.repository import commit_of_merged
from finetune_app.merges.states import Verdict
from finetune_app.work.states import TaskState
from tests.adapters.makers import Downloader, make_version
from tests.merges.makers import make_merged_model

PAGE = "/w/team/adapters/adder/v/{}/merged/{}/files"
REST = "/api/v1/adapters/adder/versions/{}/merged/{}/files"
WEIGHTS = "/model.safetensors"
both = pytest.mark.parametrize("address", [PAGE, REST])
pytestmark = pytest.mark.django_db


@pytest.fixture
def adder(cast, tiny_base, tmp_path):
    """Version 1 of `adder`, which `production` means."""
    version = make_version(tiny_base, tmp_path / "adapter", user=cast.editor)
    version.adapter.aliases.create(name="production", version=version)
    return version


@pytest.fixture
def viewer(cast):
    return Downloader(cast, cast.viewer)


@both
def test_every_listed_file_comes_with_its_digest(adder, viewer, address):
    merged = make_merged_model(adder)
    for file in merged.files:
        answer = viewer.get(f"{address.format(1, 1)}/{file['path']}")
        assert (answer.status, len(answer.body)) == (200, file["size"])
        assert hashlib.sha256(answer.body).hexdigest() == file["sha256"]
        assert answer.headers["ETag"] == f'"{file["sha256"]}"'
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{file["path"]}"'


@both
def test_parts_of_a_file_are_those_parts(adder, viewer, address):
    make_merged_model(adder)
    url = address.format(1, 1) + WEIGHTS
    whole = viewer.get(url).body
    head = viewer.head(url)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(whole)))
    part = viewer.get(url, range="bytes=8-99", if_range=head.headers["ETag"])
    assert (part.status, part.body) == (206, whole[8:100])
    several = viewer.get(url, range="bytes=0-3,9000-9003")
    assert several.status == 206
    assert several.headers["Content-Type"].startswith("multipart/byteranges")
    assert whole[:4] in several.body
    assert whole[9000:9004] in several.body
    assert viewer.get(url, range=f"bytes={len(whole)}-").status == 416
    assert viewer.get(url, if_none_match=head.headers["ETag"]).status == 304


@both
def test_the_checksums_are_those_of_the_files(adder, viewer, address, tmp_path):
    merged = make_merged_model(adder)
    for path in [*(file["path"] for file in merged.files), "SHA256SUMS"]:
        (tmp_path / path).write_bytes(viewer.get(f"{address.format(1, 1)}/{path}").body)
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=False)
    assert checked.returncode == 0


@both
def test_verified_means_the_newest_that_is(adder, viewer, address):
    make_merged_model(adder)
    second = make_merged_model(adder)
    make_merged_model(adder, verdict=Verdict.REJECTED)
    make_merged_model(adder, state=TaskState.RUNNING)
    for label in (1, "production"):
        answer = viewer.get(address.format(label, "verified") + WEIGHTS)
        assert (answer.status, answer.headers["Graft-Merged-Model"]) == (200, str(second.number))
        assert answer.headers["Graft-Version"] == "adder@1"
        assert answer.headers["Cache-Control"] == "private, no-cache"


@both
@pytest.mark.parametrize("path", ["", WEIGHTS, "/SHA256SUMS"])
def test_a_rejected_one_comes_only_by_both_numbers(adder, viewer, address, path):
    make_merged_model(adder, verdict=Verdict.REJECTED)
    assert viewer.get(address.format(1, 1) + path).status == 200
    for label, number in (("production", 1), ("production", "verified"), (1, "verified")):
        refused = viewer.get(address.format(label, number) + path)
        assert refused.status == 409
        assert b"mean_kl" in refused.body


def test_the_refusal_names_the_gates_that_failed(adder, cast):
    make_merged_model(adder, verdict=Verdict.REJECTED)
    answer = cast.api(cast.viewer).get(REST.format("production", "verified") + WEIGHTS)
    said = answer.json()
    assert (answer.status_code, said["code"]) == (409, "merge_rejected")
    assert [gate["name"] for gate in said["details"]] == ["mean_kl", "kl_of_effect"]
    assert "(mean_kl, kl_of_effect)" in said["message"]


def test_an_alias_gives_a_verified_one_also_by_its_number(adder, viewer):
    make_merged_model(adder, verdict=Verdict.REJECTED)
    make_merged_model(adder)
    assert viewer.get(REST.format("production", 2) + WEIGHTS).status == 200
    assert viewer.get(REST.format("production", 1) + WEIGHTS).status == 409
    assert viewer.get(REST.format("production", "verified") + WEIGHTS).status == 200


@both
def test_what_is_not_there_is_not_found_and_what_is_not_done_is_said(adder, viewer, address):
    assert viewer.get(address.format(1, "verified") + WEIGHTS).status == 404
    make_merged_model(adder, state=TaskState.RUNNING)
    make_merged_model(adder, state=TaskState.FAILED)
    make_merged_model(adder)
    assert viewer.get(address.format(1, 1) + WEIGHTS).status == 409
    assert viewer.get(address.format(1, 2) + WEIGHTS).status == 409
    for label, number in ((1, 4), (2, 3), ("staging", "verified"), (2, "verified")):
        assert viewer.get(address.format(label, number) + WEIGHTS).status == 404
    for path in ("/other.safetensors", "/../../secret_key", "/..%2Fsecret_key"):
        assert viewer.get(address.format(1, 3) + path).status == 404


@both
def test_an_outsider_learns_nothing(cast, adder, address):
    make_merged_model(adder)
    outsider = Downloader(cast, cast.outsider)
    for path in ("", WEIGHTS):
        assert outsider.get(address.format(1, 1) + path).status == 404


def test_rest_lists_what_the_address_means_now(cast, adder):
    make_merged_model(adder)
    merged = make_merged_model(adder)
    said = cast.api(cast.viewer).get(REST.format("production", "verified")).json()
    assert (said["adapter"], said["version"], said["number"], said["verdict"]) == ("adder", 1, 2, "verified")
    assert said["size"] == sum(file["size"] for file in merged.files)
    assert said["files"][:-1] == merged.files
    assert said["files"][-1]["path"] == "SHA256SUMS"


def test_the_page_has_ready_lines_for_exactly_this_content(cast, adder):
    merged = make_merged_model(adder)
    page = cast.client(cast.viewer).get(PAGE.format("production", "verified")).content.decode()
    commit = commit_of_merged(merged)
    for line in (
        "HF_ENDPOINT=http://testserver HF_TOKEN=$GRAFT_TOKEN",
        "vllm serve team/adder-Merged",
        f"--revision {commit}",
        "--served-model-name adder",
        "--dtype bfloat16",
        "graft merged pull adder@1 --number 1",
        f"http://testserver{REST.format(1, 1)}/SHA256SUMS",
    ):
        assert line in page, line
    for file in merged.files:
        assert f'href="{PAGE.format(1, 1)}/{file["path"]}"' in page
        assert file["sha256"] in page


def test_the_page_of_a_rejected_one_says_why_and_offers_no_use(cast, adder):
    make_merged_model(adder, verdict=Verdict.REJECTED)
    page = cast.client(cast.viewer).get(PAGE.format(1, 1)).content.decode()
    assert "its proof rejected it" in page
    assert re.findall(r"<code>(\w+)</code>\):", page) == ["mean_kl", "kl_of_effect"]
    assert "vllm" not in page
    assert "from_pretrained" not in page
    assert f'href="{PAGE.format(1, 1)}{WEIGHTS}"' in page


def test_what_was_merged_is_as_stale_as_its_version(cast, adder):
    make_merged_model(adder)
    adder.status, adder.status_reason = "stale", "Its base model moved on."
    adder.save()
    page = cast.client(cast.viewer).get(PAGE.format(1, 1)).content.decode()
    assert "adder@1 is stale" in page
