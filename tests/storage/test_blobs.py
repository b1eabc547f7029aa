"""What everybody relies on in the storage, the same on a folder and on S3."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from obstore.store import LocalStore, S3Store

from finetune_app.storage import blobs

Store = LocalStore | S3Store
pytestmark = pytest.mark.usefixtures("storage")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def key(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def read_range(sha256: str, start: int, end: int) -> bytes:
    async def collect() -> bytes:
        return b"".join([part async for part in blobs.stream_range(sha256, start, end)])

    return asyncio.run(collect())


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of five bytes, so that a short blob has several."""
    monkeypatch.setattr(blobs, "PART_BYTES", 5)


@pytest.mark.parametrize("content", [b"", b"one", bytes(range(256)) * 80_000])
def test_bytes_come_back_as_they_were_put(content: bytes) -> None:
    blob = blobs.put_bytes(content)
    assert blob == blobs.Blob(sha(content), len(content))
    assert blobs.exists(blob.sha256)
    assert blobs.read(blob.sha256) == content


def test_a_file_of_several_parts_comes_back_as_it_was_put(tmp_path: Path) -> None:
    content = os.urandom(33_600_000)
    (tmp_path / "file").write_bytes(content)
    blob = blobs.put_file(tmp_path / "file")
    assert blob == blobs.Blob(sha(content), len(content))
    assert b"".join(blobs.stream(blob.sha256)) == content


@pytest.mark.usefixtures("small_parts")
def test_every_range_is_that_slice() -> None:
    content = b"0123456789abc"
    blob = blobs.put_bytes(content)
    for start in range(len(content) + 1):
        for end in range(start, len(content) + 1):
            assert read_range(blob.sha256, start, end) == content[start:end]


def test_putting_again_keeps_one_blob(storage: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"same")
    assert blobs.put_bytes(b"same") == blobs.put_file(tmp_path / "file")
    first = storage.head(key(sha(b"same")))
    blobs.put_bytes(b"same")
    assert storage.head(key(sha(b"same"))) == first


def test_a_blob_cut_short_is_mended_by_putting_it_again(storage: Store) -> None:
    blob = blobs.put_bytes(b"whole")
    storage.put(key(blob.sha256), b"who")
    blobs.put_bytes(b"whole")
    assert blobs.read(blob.sha256) == b"whole"


def test_a_missing_blob_is_said_to_be_missing(tmp_path: Path) -> None:
    nowhere = sha(b"never put")
    assert not blobs.exists(nowhere)
    with pytest.raises(blobs.BlobMissing):
        blobs.read(nowhere)
    with pytest.raises(blobs.BlobMissing):
        read_range(nowhere, 0, 1)
    with pytest.raises(blobs.BlobMissing):
        blobs.place(nowhere, tmp_path / "file")
    assert list(tmp_path.glob("*file*")) == []
    blobs.delete(nowhere)


def test_deleting_removes_it() -> None:
    blob = blobs.put_bytes(b"away")
    blobs.delete(blob.sha256)
    assert not blobs.exists(blob.sha256)


def test_damaged_bytes_are_found_out_and_never_placed(storage: Store, tmp_path: Path) -> None:
    blob = blobs.put_bytes(b"as it was")
    storage.put(key(blob.sha256), b"as it iss")
    with pytest.raises(blobs.BlobDamaged):
        blobs.read(blob.sha256)
    with pytest.raises(blobs.BlobDamaged):
        blobs.place(blob.sha256, tmp_path / "out" / "file")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_range_past_the_end_of_a_cut_blob_is_damage(storage: Store) -> None:
    blob = blobs.put_bytes(b"0123456789")
    storage.put(key(blob.sha256), b"01234")
    with pytest.raises(blobs.BlobDamaged):
        read_range(blob.sha256, 0, 10)


@pytest.mark.usefixtures("small_parts")
def test_a_placed_file_is_whole_read_only_and_replaces_what_was_there(tmp_path: Path) -> None:
    blob = blobs.put_bytes(b"the new content")
    path = tmp_path / "deep" / "folder" / "file.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    for _ in range(2):
        blobs.place(blob.sha256, path)
        assert path.read_bytes() == b"the new content"
        assert path.stat().st_mode & 0o777 == 0o444
        assert [item.name for item in path.parent.iterdir()] == ["file.json"]


def test_an_empty_blob_can_be_placed_and_read_by_range(tmp_path: Path) -> None:
    blob = blobs.put_bytes(b"")
    blobs.place(blob.sha256, tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""
    assert read_range(blob.sha256, 0, 0) == b""
