"""The files of a base appear on a machine whole or not at all."""

import os
import time
from pathlib import Path

import pytest

from adapters.models import BaseRevision
from adapters.services import place_base as module
from adapters.services.place_base import place_base
from adapters.services.register_base import register_base
from finetune_app.storage import blobs
from tests.adapters.at_once import at_once
from tests.tiny import tiny_base


@pytest.fixture
def base(cast, storage) -> BaseRevision:
    """A registered base, whose files lie in a folder or on S3."""
    return register_base(cast.team, name="tiny", folder=tiny_base(), source="made by the tests")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_folder_is_the_one_that_was_registered(base, tmp_path):
    place_base(base, tmp_path / "deep" / "base")
    assert contents(tmp_path / "deep" / "base") == contents(tiny_base())
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["base"]


def test_a_folder_that_is_there_is_left_alone(base, tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "mine").touch()
    place_base(base, tmp_path / "base")
    assert list(contents(tmp_path / "base")) == ["mine"]


def test_a_missing_blob_leaves_no_folder_at_all(base, tmp_path):
    blobs.delete(base.files[-1]["sha256"])
    with pytest.raises(blobs.BlobMissing):
        place_base(base, tmp_path / "bases" / "base")
    assert list((tmp_path / "bases").iterdir()) == []


def test_a_damaged_blob_leaves_no_folder_at_all(base, storage, tmp_path):
    sha256 = base.files[3]["sha256"]
    storage.put(f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}", b"x" * base.files[3]["size"])
    with pytest.raises(blobs.BlobDamaged):
        place_base(base, tmp_path / "bases" / "base")
    assert list((tmp_path / "bases").iterdir()) == []


def test_many_at_once_all_find_it_whole(base, tmp_path):
    def work(_: int) -> dict[str, bytes]:
        place_base(base, tmp_path / "bases" / "base")
        return contents(tmp_path / "bases" / "base")

    seen = at_once(6, work)
    assert seen == [contents(tiny_base())] * 6
    assert [path.name for path in (tmp_path / "bases").iterdir()] == ["base"]


def test_what_a_killed_process_left_is_removed_after_a_day(base, tmp_path):
    old, new = tmp_path / ".base.old", tmp_path / ".base.new"
    for folder in (old, new):
        folder.mkdir()
    day_ago = time.time() - module.ABANDONED_AFTER_SECONDS - 60
    os.utime(old, (day_ago, day_ago))
    place_base(base, tmp_path / "base")
    assert (old.exists(), new.exists()) == (False, True)
