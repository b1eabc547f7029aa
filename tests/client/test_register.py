"""A base model is registered from here, from a shared folder or from a hub, and known by its content."""

import shutil

import pytest

from adapters.models import BaseRevision
from graft import GraftError
from graft.sources import adapter_files, base_model_files, hub_source, one_source, shared_source
from tests.served import light_worker
from tests.tiny import make_tiny_base, tiny_base


@pytest.fixture
def worker(people):
    with light_worker():
        yield


@pytest.fixture
def folder(tmp_path):
    """A base model's folder as people have it, with what does not belong to it."""
    folder = tmp_path / "smollm2"
    shutil.copytree(tiny_base(), folder)
    (folder / "notes.md").write_text("mine")
    (folder / "other.safetensors").write_bytes(b"of another program")
    return folder


def test_a_folder_of_this_machine_becomes_a_revision(client, worker, folder):
    heard = []
    found = client.bases.register("tiny", folder, progress=lambda *told: heard.append(told))
    assert (found["revision"], found["is_new"]) == ("tiny@1", True)
    assert {what for what, _, _ in heard} >= {"model.safetensors", "config.json", "tokenizer.json"}
    kept = {file["path"] for file in BaseRevision.objects.get().files}
    assert kept >= {"model.safetensors", "config.json"}
    assert not kept & {"notes.md", "other.safetensors"}
    again = client.bases.register("tiny", folder)
    assert (again["revision"], again["is_new"]) == ("tiny@1", False)
    assert [one["reference"] for one in client.bases.get("tiny")["revisions"]] == ["tiny@1"]


def test_a_shared_folder_becomes_a_revision(graft, worker, folder, share):
    share(folder.parent)
    said = graft("bases", "register", "tiny", "--shared", "models:smollm2")
    assert (said.code, said.out, said.err) == (0, "tiny@1\n", "")
    assert graft("bases", "register", "tiny", "--shared", "models:smollm2", "--json").json["is_new"] is False
    assert graft("bases", "list").out.splitlines()[1].startswith("tiny@1")


def test_why_it_is_refused_is_said(graft, worker, folder, share):
    share(folder.parent)
    said = graft("bases", "register", "tiny", "--shared", "models:nothing")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Error: ")
    assert "source_unknown" in graft("bases", "register", "tiny", "--shared", "elsewhere:x", "--json").err


def test_a_folder_without_safetensors_sends_nothing(client, tmp_path):
    make_tiny_base(tmp_path / "base")
    (tmp_path / "base" / "model.safetensors").rename(tmp_path / "base" / "pytorch_model.bin")
    with pytest.raises(GraftError) as caught:
        client.bases.register("tiny", tmp_path / "base")
    assert "safetensors" in caught.value.message
    with pytest.raises(GraftError) as caught:
        base_model_files(tmp_path / "nothing")
    assert caught.value.code == "no_such_file"


def test_exactly_one_place_is_named(client, tmp_path):
    for places in ({}, {"hub": "a/b", "shared": "models:x"}):
        with pytest.raises(GraftError) as caught:
            client.bases.register("tiny", **places)
        assert caught.value.code == "one_source"


def test_places_as_people_write_them(tmp_path):
    assert hub_source("team/base") == {"kind": "hub", "repo_id": "team/base"}
    assert hub_source("team/base@v2") == {"kind": "hub", "repo_id": "team/base", "revision": "v2"}
    assert shared_source("models:a/b") == {"kind": "shared", "source": "models", "path": "a/b"}
    assert one_source(hub=None, shared=None, here=tmp_path) is None
    for wrong in ("models", ":path", ""):
        with pytest.raises(GraftError) as caught:
            shared_source(wrong)
        assert caught.value.code == "invalid_source"


def test_of_an_adapters_folder_only_what_belongs_to_it(tmp_path):
    for name in ("adapter_model.safetensors", "adapter_config.json", "optimizer.pt", ".hidden.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    names = [path.name for path in adapter_files(tmp_path)]
    assert names == ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"]
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(GraftError) as caught:
        adapter_files(tmp_path)
    assert caught.value.code == "adapter_incomplete"
