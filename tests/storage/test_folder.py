"""What only a storage in a folder has: files placed without copying, and a guard against forked processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from finetune_app.storage import blobs

FORKING = """
import os, sys
from finetune_app.storage.location import store_at
store_at(sys.argv[1]).put("x", b"x")
child = os.fork()
if not child:
    try:
        store_at(sys.argv[1])
    except RuntimeError as error:
        print(error, flush=True)
        os._exit(7)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.STORAGE_URL = (tmp_path / "storage").as_uri()
    return tmp_path / "storage"


def stored(folder: Path, sha256: str) -> Path:
    return folder / "blobs" / sha256[:2] / sha256[2:4] / sha256


def test_a_placed_file_takes_no_room_of_its_own(folder: Path, tmp_path: Path) -> None:
    blob = blobs.put_bytes(b"many gigabytes")
    blobs.place(blob.sha256, tmp_path / "base" / "model.safetensors")
    assert stored(folder, blob.sha256).samefile(tmp_path / "base" / "model.safetensors")


def test_where_links_cannot_be_made_the_file_is_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    blob = blobs.put_bytes(b"content")
    blobs.place(blob.sha256, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert not stored(folder, blob.sha256).samefile(tmp_path / "file")


def test_a_file_that_shrinks_while_it_is_stored_leaves_no_blob(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    sha256 = blobs.file_sha256(path)

    class Shrinking(type(path)):
        def stat(self, **_: object) -> os.stat_result:
            return os.stat_result((0o100644, 0, 0, 1, 0, 0, 99, 0, 0, 0))

    with pytest.raises(blobs.BlobDamaged):
        blobs.put_file(Shrinking(path), sha256=sha256)
    assert not blobs.exists(sha256)
    assert not stored(folder, sha256).exists()


def test_a_process_forked_after_the_first_use_is_told_so_instead_of_hanging(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING, (tmp_path / "s").as_uri()],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 7
    assert "forked" in done.stdout
