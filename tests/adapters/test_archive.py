"""The zip of a version: it opens anywhere, it is whole, and every part of it can be had by itself."""

import asyncio
import hashlib
import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import archive
from adapters.archive import ArchiveLayout, Member, lay_out, read_archive
from finetune_app.storage import blobs
from finetune_app.storage.spans import as_bytes

MADE = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FILES = {
    "README.md": b"# adder\n",
    "adapter_model.safetensors": bytes(range(256)) * 3,
    "empty.txt": b"",
    "ä/x.json": b"{}",
}
# Of the zip of FILES. Changes only when the library lays a zip out otherwise: zips that are registered keep their bytes
# all the same, but the same adapter registered anew would get another ETag, so a change wants to be seen.
PINNED = "141cb856a6e8d3f9769361ad98e32e07d4db5670a2c60d0604c9a1f84d106a05"


def member(path: str, content: bytes) -> Member:
    def chunks() -> Iterator[bytes]:
        yield from (content[first : first + 100] for first in range(0, len(content), 100))

    blob = blobs.put_bytes(content)
    return Member(path, blob.size, blob.sha256, chunks)


def laid_out(files: dict[str, bytes] = FILES) -> ArchiveLayout:
    return lay_out("adder-v1", MADE, [member(path, content) for path, content in files.items()])


def read(layout: ArchiveLayout, start: int = 0, end: int | None = None) -> bytes:
    async def collect() -> bytes:
        return b"".join(
            [part async for part in as_bytes(read_archive(layout, start, layout.size if end is None else end))]
        )

    return asyncio.run(collect())


def test_every_member_is_as_it_was_in_one_folder():
    with zipfile.ZipFile(io.BytesIO(read(laid_out()))) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == {
            f"adder-v1/{path}": content for path, content in FILES.items()
        }
        assert {info.date_time for info in opened.infolist()} == {(2026, 3, 4, 5, 6, 6)}
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}


def test_size_and_digest_are_those_of_the_bytes():
    layout = laid_out()
    whole = read(layout)
    assert len(whole) == layout.size
    assert hashlib.sha256(whole).hexdigest() == layout.sha256


def test_the_same_files_are_the_same_zip_for_good():
    assert laid_out() == laid_out()
    assert laid_out().sha256 == PINNED


def test_the_layout_survives_the_storage():
    layout = laid_out()
    assert ArchiveLayout.model_validate_json(layout.to_bytes()) == layout
    assert read(ArchiveLayout.model_validate_json(layout.to_bytes())) == read(layout)


def test_the_layout_holds_no_file_content():
    layout = laid_out({"big.bin": b"x" * 1_000_000})
    assert len(layout.to_bytes()) < 2000


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(st.binary(max_size=300), max_size=4), data=st.data())
def test_any_range_is_the_slice_of_the_whole(contents, data):
    layout = laid_out({f"{index}.bin": content for index, content in enumerate(contents)})
    whole = read(layout)
    start = data.draw(st.integers(0, layout.size))
    end = data.draw(st.integers(start, layout.size))
    assert read(layout, start, end) == whole[start:end]


def test_files_beyond_the_old_limit_use_the_newer_form(monkeypatch):
    monkeypatch.setattr(archive, "MAX_PLAIN_BYTES", 0)
    layout = laid_out()
    whole = read(layout)
    assert b"PK\x06\x06" in whole  # the directory's end in its 64-bit form
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert opened.testzip() is None
        assert opened.read("adder-v1/README.md") == FILES["README.md"]


def test_a_file_that_is_not_its_blob_any_more_makes_no_zip():
    changed = Member("a", 5, hashlib.sha256(b"first").hexdigest(), lambda: iter([b"other"]))
    with pytest.raises(blobs.BlobDamaged):
        lay_out("x-v1", MADE, [changed])


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_another_program_finds_no_fault_with_it(tmp_path: Path):
    (tmp_path / "a.zip").write_bytes(read(laid_out()))
    done = subprocess.run(["unzip", "-t", tmp_path / "a.zip"], check=False, capture_output=True, text=True)
    assert "No errors detected" in done.stdout
