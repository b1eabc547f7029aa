"""A folder becomes a base revision, known by its content and not by how it lies in files."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from adapters.fingerprint import fingerprint
from adapters.models import BaseModel, BaseRevision
from adapters.services.register_base import register_base
from finetune_app.accounts.models import Workspace
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from tests.adapters.at_once import at_once
from tests.cast import make_cast
from tests.tiny import make_tiny_base, tiny_base, tiny_tensors, write_safetensors

KEPT = [
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]


def register(workspace: Workspace, folder: Path, name: str = "tiny", **more: object) -> BaseRevision:
    return register_base(workspace, name=name, folder=folder, source="made by the tests", **more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base(), tmp_path / "base"))


def reshard(folder: Path) -> None:
    """The same tensors in two files."""
    (folder / "model.safetensors").unlink()
    tensors = tiny_tensors()
    weight_map = {}
    for index, names in enumerate((list(tensors)[::2], list(tensors)[1::2])):
        write_safetensors(folder / f"model-{index}.safetensors", {name: tensors[name] for name in names})
        weight_map |= dict.fromkeys(names, f"model-{index}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_a_revision_has_the_digests_and_facts_of_its_folder(cast, folder):
    revision, facts = register(cast.team, folder), fingerprint(folder)
    assert str(revision) == "tiny@1"
    for name in (
        "weights_root",
        "arch_digest",
        "tokenizer_digest",
        "chat_template_digest",
        "architecture",
        "parameters",
    ):
        assert getattr(revision, name) == getattr(facts, name)
    assert revision.linear_modules == list(facts.linear_modules)
    assert revision.source == "made by the tests"


def test_every_file_that_is_read_is_a_blob_and_no_other(cast, folder):
    for name in ("pytorch_model.bin", "README.md", ".secret.json", "consolidated.safetensors"):
        (folder / name).write_bytes(b"x")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    revision = register(cast.team, folder)
    assert [file["path"] for file in revision.files] == KEPT
    for file in revision.files:
        content = (folder / file["path"]).read_bytes()
        assert blobs.read(file["sha256"]) == content
        assert file["size"] == len(content)


def test_the_leaves_are_kept(cast, folder):
    revision = register(cast.team, folder)
    lines = blobs.read(revision.leaves_sha256)
    assert lines == fingerprint(folder).leaf_lines
    assert hashlib.sha256(lines).hexdigest() == revision.weights_root


def test_the_same_content_is_the_same_revision_also_in_other_shards(cast, folder):
    first = register(cast.team, folder)
    reshard(folder)
    assert register(cast.team, folder) == first
    assert BaseRevision.objects.count() == 1


def test_other_weights_are_the_next_revision(cast, folder, tmp_path):
    register(cast.team, folder)
    make_tiny_base(tmp_path / "other", seed=1)
    assert register(cast.team, tmp_path / "other").number == 2
    assert register(cast.team, folder).number == 1
    assert BaseModel.objects.get().revisions.count() == 2


def test_every_workspace_has_its_own(cast, folder):
    one, other = register(cast.team, folder), register(cast.elsewhere, folder)
    assert (one.number, other.number) == (1, 1)
    assert one.base_model != other.base_model


def test_progress_counts_up_to_the_end_once(cast, folder):
    seen: list[tuple[int, int]] = []
    register(cast.team, folder, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert len({total for _, total in seen}) == 1
    seen.clear()
    register(cast.team, folder, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]


def test_what_cannot_be_a_base_leaves_nothing(cast, folder, tmp_path):
    (folder / "config.json").unlink()
    for name, path, code in (
        ("tiny", folder, "base_config_missing"),
        ("tiny", tmp_path / "nowhere", "base_folder_missing"),
        ("Tiny Model", tiny_base(), "invalid_name"),
    ):
        with pytest.raises(UserError) as caught:
            register(cast.team, path, name=name)
        assert caught.value.code == code
    assert not BaseModel.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_folder_registered_by_several_at_once_is_one_revision():
    team = make_cast().team
    found = at_once(3, lambda _: register(team, tiny_base()))
    assert len(set(found)) == 1
    assert BaseRevision.objects.count() == 1
