"""A base's folder is hashed once: each file beside its tensors, and not again while nothing about it changed."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from adapters import base_digests as module
from adapters.base_digests import base_digests
from adapters.fingerprint import fingerprint
from adapters.services.register_base import register_base, store_base
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from tests.tiny import tiny_base


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base(), tmp_path / "base"))


@pytest.fixture
def hashed(monkeypatch) -> list[int]:
    """The bytes of each time that something is hashed; it really is."""
    found: list[int] = []
    spans = module.hash_spans

    def counted(wanted, on_progress=None):
        found.append(sum(end - start for _, start, end in wanted))
        return spans(wanted, on_progress)

    monkeypatch.setattr(module, "hash_spans", counted)
    return found


def test_they_are_those_of_the_files_and_of_the_base(base):
    found = base_digests(base)
    assert found.fingerprint == fingerprint(base)
    assert found.files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in base.iterdir()}
    assert found.size == sum(path.stat().st_size for path in base.iterdir())


def test_progress_goes_up_to_the_end(base):
    seen: list[tuple[int, int]] = []
    base_digests(base, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


def test_what_was_noted_is_not_hashed_again(base, tmp_path, hashed):
    notes = tmp_path / "notes"
    first, second = base_digests(base, notes=notes), base_digests(base, notes=notes)
    assert first == second
    assert len(hashed) == 1


def overwrite_behind_its_time(base):
    weights = base / "model.safetensors"
    before = weights.stat()
    with weights.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\x01\x02")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        overwrite_behind_its_time,
        lambda base: (base / "chat_template.jinja").write_text("another"),
        lambda base: (base / "special_tokens_map.json").write_text("{}"),
        lambda base: (base / "generation_config.json").unlink(),
    ],
)
def test_any_change_is_seen(base, tmp_path, hashed, change):
    base_digests(base, notes=tmp_path / "notes")
    change(base)
    found = base_digests(base, notes=tmp_path / "notes")
    assert len(hashed) == 2
    assert found.fingerprint == fingerprint(base)


def test_a_folder_that_is_written_to_meanwhile_is_refused(base, monkeypatch):
    def hash_and_write(wanted, on_progress=None):
        (base / "chat_template.jinja").write_text("written meanwhile")
        return (hashlib.sha256(path.read_bytes()[start:end]).hexdigest() for path, start, end in wanted)

    monkeypatch.setattr(module, "hash_spans", hash_and_write)
    with pytest.raises(UserError) as caught:
        base_digests(base)
    assert caught.value.code == "base_changed"


def test_registering_a_folder_again_hashes_nothing(cast, base, hashed, settings, tmp_path):
    settings.WORK_FOLDER = tmp_path / "work"
    first = register_base(cast.team, name="one", folder=base, source="a folder")
    second = register_base(cast.team, name="other", folder=base, source="a folder")
    assert len(hashed) == 1
    assert first.weights_root == second.weights_root


def test_a_file_that_changed_since_it_was_hashed_is_not_kept_under_its_old_name(base):
    (base / "chat_template.jinja").write_text("in no other test")
    digests = base_digests(base)
    (base / "chat_template.jinja").write_text("written since")
    with pytest.raises(UserError) as caught:
        store_base(base, digests)
    assert caught.value.code == "base_changed"
    assert not blobs.exists(digests.files["chat_template.jinja"])
