"""A folder is compared with its manifest, wherever it lies and without a server."""

import hashlib

import pytest

from graft import GraftError
from graft.verify import verify_folder


@pytest.fixture
def folder(client, version, tmp_path):
    return client.adapters.pull("adder@1", tmp_path / "here")


def test_what_is_missing_or_damaged_is_named(folder, bare_graft):
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (folder / "tokenizer.json").unlink()
    assert {one.path for one in verify_folder(folder).differences} == {"adapter_model.safetensors", "tokenizer.json"}
    said = bare_graft("adapters", "verify", folder)
    assert (said.code, said.out) == (1, "")
    assert "adapter_model.safetensors is damaged" in said.err
    as_json = bare_graft("adapters", "verify", folder, "--json")
    assert (as_json.code, as_json.err, as_json.json["ok"]) == (1, "", False)
    assert "tokenizer.json" in {one["path"] for one in as_json.json["differences"]}


def test_the_manifest_itself_is_what_its_page_says(folder, bare_graft):
    sha256 = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    said = bare_graft("adapters", "verify", folder, "--sha256", sha256, "--json")
    assert (said.code, said.json["ok"], said.json["manifest_sha256"]) == (0, True, sha256)
    assert bare_graft("adapters", "verify", folder, "--sha256", "0" * 64).code == 1


def test_a_folder_without_a_manifest_is_refused(tmp_path, bare_graft):
    with pytest.raises(GraftError) as caught:
        verify_folder(tmp_path)
    assert caught.value.code == "not_a_version"
    assert bare_graft("adapters", "verify", tmp_path).code == 1
