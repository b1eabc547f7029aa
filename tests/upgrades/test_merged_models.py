"""An upgrade names the merged models of the versions that it makes stale; they themselves go on working."""

import pytest

from finetune_app.merges.states import Verdict
from finetune_app.work.states import TaskState
from tests.adapters import bases
from tests.adapters.makers import make_version
from tests.merges.makers import make_merged_model
from tests.pages import one_line, words

pytestmark = pytest.mark.django_db
PAGE = "/w/team/bases/tiny/r/2/upgrade/"
REST = "/api/v1/base-models/tiny/revisions/2/upgrade"
FILES = "/w/team/adapters/adder/v/1/merged/1/files"


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


def test_those_of_stale_versions_are_named_with_what_to_do(cast, version):
    make_merged_model(version)
    make_merged_model(version, verdict=Verdict.REJECTED)
    make_merged_model(version, state=TaskState.FAILED)
    bases.register_changed(cast.team, bases.other_weights)
    text = words(one_line(cast.client(cast.viewer).get(PAGE).content.decode()))
    assert "Merged model 1 of adder@1, verified. It is tiny@1 with the adapter in it, and goes on working. Its" in text
    assert "Its version is stale: retrain it, then merge what comes of that." in text
    body = cast.api(cast.viewer).get(REST).json()
    assert body["merged_model_count"] == 2
    told = [(one["version"], one["number"], one["verdict"], one["effect"]) for one in body["merged_models"]]
    assert told == [("adder@1", 2, "rejected", "stale"), ("adder@1", 1, "verified", "stale")]
    assert body["merged_models"][1]["base_revision"] == "tiny@1"
    assert "retrain it" in body["merged_models"][1]["message"]


def test_a_merged_model_stands_as_its_version_does(cast, version):
    make_merged_model(version)
    client = cast.client(cast.viewer)
    assert "Stale" not in client.get(FILES).content.decode()
    bases.register_changed(cast.team, bases.other_weights)
    text = words(one_line(client.get(FILES).content.decode()))
    assert "Files of merged model 1 Verified Stale" in text
    assert "adder@1 is stale, and so is what was merged of it" in text
    assert client.get(f"{FILES}/config.json").status_code == 200


def test_a_soft_change_says_that_it_may_be_merged_again(cast, version):
    make_merged_model(version)
    newer = bases.register_changed(cast.team, bases.other_template)
    make_merged_model(version, base_revision=newer)
    body = cast.api(cast.viewer).get(REST).json()
    assert [(one["number"], one["effect"]) for one in body["merged_models"]] == [(1, "look_again")]
    assert "may be merged into the newer revision" in body["merged_models"][0]["message"]


def test_another_workspaces_are_not_named(cast, version):
    make_merged_model(version)
    bases.register_changed(cast.team, bases.other_weights)
    assert cast.api(cast.outsider).get(REST).status_code == 404
