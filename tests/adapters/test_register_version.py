"""A trained adapter becomes a version: complete, once, and bound to its base."""

import hashlib
import json
from pathlib import Path

import pytest

from adapters.manifest import Ancestor, Lineage, Manifest
from adapters.models import Adapter, AdapterVersion
from adapters.services.register_version import register_version
from adapters.states import VersionOrigin
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from tests.adapters.at_once import at_once
from tests.adapters.makers import make_lineage, make_version, write_adapter
from tests.cast import make_cast
from tests.tiny_base import register_tiny_base

FILES = ["README.md", "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "tokenizer.json"]


def test_the_manifest_lists_every_file_with_its_digest(version):
    manifest = Manifest.model_validate(version.manifest)
    assert [file.path for file in manifest.files] == FILES
    for file in manifest.files:
        content = blobs.read(file.sha256)
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size)


def test_the_manifest_is_kept_as_the_bytes_that_are_downloaded(version):
    written = blobs.read(version.manifest_sha256)
    assert json.loads(written) == version.manifest
    assert len(written) == version.manifest_size


def test_it_is_bound_to_the_digests_of_its_base_and_to_its_lineage(version, tiny_base):
    manifest = Manifest.model_validate(version.manifest)
    assert (manifest.base.name, manifest.base.revision) == ("tiny", 1)
    assert manifest.base.weights_root == tiny_base.weights_root
    assert manifest.base.chat_template_digest == tiny_base.chat_template_digest
    assert manifest.lineage == make_lineage()


def test_the_model_card_is_one_of_the_files(version):
    card = next(file for file in version.manifest["files"] if file["path"] == "README.md")
    assert b"# adder, version 1" in blobs.read(card["sha256"])


def test_the_next_one_gets_the_next_number(version, tiny_base, tmp_path):
    second = make_version(tiny_base, tmp_path / "second", key="job-2")
    other = make_version(tiny_base, tmp_path / "second", key="job-3", name="other")
    assert [version.number, second.number, other.number] == [1, 2, 1]
    assert second.manifest["version"] == 2


def test_registering_the_same_source_again_is_the_same_version(version, tiny_base, tmp_path):
    again = make_version(tiny_base, write_adapter(tmp_path / "another", seed=5), key="job-1")
    assert again == version
    assert AdapterVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "adapter_incomplete"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "adapter_incomplete"),
        (lambda folder: (folder / "adapter_config.json").write_text("{"), "adapter_torn"),
        (lambda folder: (folder / "adapter_config.json").write_text("[]"), "adapter_torn"),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"torn"), "adapter_torn"),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b""), "adapter_torn"),
    ],
)
def test_a_folder_that_peft_could_not_load_is_refused_and_leaves_nothing(tiny_base, tmp_path, spoil, code):
    folder = write_adapter(tmp_path / "adapter")
    spoil(folder)
    with pytest.raises(UserError) as caught:
        make_version(tiny_base, folder)
    assert caught.value.code == code
    assert "base model" not in caught.value.message
    assert not Adapter.objects.exists()


def test_a_name_that_cannot_be_one_is_refused(tiny_base, tmp_path):
    with pytest.raises(UserError, match="cannot be a name"):
        make_version(tiny_base, tmp_path / "adapter", name="../x")


def test_a_base_of_another_workspace_is_a_defect(cast, tiny_base, tmp_path):
    with pytest.raises(ValueError, match="another workspace"):
        register_version(
            workspace=cast.elsewhere,
            adapter_name="x",
            base_revision=tiny_base,
            folder=tmp_path / "adapter",
            lineage=make_lineage(),
            source_key="job-9",
            created_by=None,
        )


def test_lists_find_it_by_columns_that_repeat_its_lineage(cast, tiny_base, tmp_path):
    version = make_version(tiny_base, tmp_path / "adapter", user=cast.editor, config={"method": "dpo"})
    version.refresh_from_db()
    assert (version.origin, version.method, version.dataset, version.dataset_version) == ("trained", "dpo", "sums", 2)
    assert (version.score_name, version.score) == ("exact_match", 0.9666)
    adapter = version.adapter
    assert (adapter.newest, adapter.last_number, adapter.created_by) == (version, 1, cast.editor)


def test_a_number_is_given_once_also_when_its_version_is_gone(tiny_base, tmp_path):
    for index in range(2):
        make_version(tiny_base, tmp_path / "adapter", key=f"job-{index}")
    AdapterVersion.objects.get(number=2).delete()
    assert make_version(tiny_base, tmp_path / "adapter", key="job-3").number == 3


def test_what_was_made_elsewhere_has_a_lineage_of_what_is_known(cast, tiny_base, tmp_path):
    version = register_version(
        workspace=cast.team,
        adapter_name="found",
        base_revision=tiny_base,
        folder=write_adapter(tmp_path / "adapter"),
        lineage=Lineage(origin=VersionOrigin.IMPORTED, source={"text": "the hub: someone/adder at 1234abcd"}),
        source_key="import-1",
        created_by=cast.editor,
        notes="Found on the hub.",
    )
    version.refresh_from_db()
    assert (version.origin, version.method, version.dataset, version.dataset_version) == ("imported", "", "", None)
    assert (version.score_name, version.score, version.notes) == ("", None, "Found on the hub.")
    card = next(file for file in version.manifest["files"] if file["path"] == "README.md")
    text = blobs.read(card["sha256"]).decode()
    assert "trained elsewhere and imported into Graft from the hub: someone/adder at 1234abcd." in text
    assert "Training" not in text
    assert "None" not in text


def test_a_version_says_which_one_it_repeats_on_a_newer_base(cast, version, tmp_path):
    ancestor = Ancestor(adapter="adder", version=1, manifest_sha256=version.manifest_sha256)
    again = register_version(
        workspace=cast.team,
        adapter_name="adder",
        base_revision=version.base_revision,
        folder=write_adapter(tmp_path / "again"),
        lineage=make_lineage(retrains=ancestor),
        source_key="job-2",
        created_by=cast.editor,
        retrains=version,
    )
    assert (again.retrains, again.manifest["lineage"]["retrains"]["version"]) == (version, 1)


@pytest.mark.django_db(transaction=True)
def test_several_at_once_get_different_numbers_and_true_manifests(tmp_path: Path):
    base = register_tiny_base(make_cast().team)

    def work(index: int) -> None:
        folder = write_adapter(tmp_path / str(index), seed=index)
        make_version(base, folder, key=f"job-{index}")
        make_version(base, folder, key="job-shared")

    at_once(4, work)
    versions = AdapterVersion.objects.order_by("number")
    assert [version.number for version in versions] == [1, 2, 3, 4, 5]
    assert all(version.manifest["version"] == version.number for version in versions)
