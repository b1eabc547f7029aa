"""The tar of a version over HTTP: beside the zip, of the same files, and known before its first byte."""

import hashlib
import io
import subprocess
import tarfile

import pytest

from adapters.downloads import ArchiveFormat, archive_content
from adapters.manifest import Manifest, ManifestFile
from adapters.models import AdapterVersion
from adapters.tar_layout import tar_parts
from finetune_app.storage import blobs

PAGE = "/w/team/adapters/adder/v/1/download?format=tar"
REST = "/api/v1/adapters/adder/versions/1/download?format=tar"
pytestmark = pytest.mark.usefixtures("version")
both = pytest.mark.parametrize("url", [PAGE, REST])


@both
def test_a_viewer_gets_a_tar_with_every_file_and_its_checksum(cast, version, downloads_for, tmp_path, url):
    answer = downloads_for(cast.viewer).get(url)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="adder-v1.tar"'
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as opened:
        opened.extractall(tmp_path / "out", filter="data")
    folder = tmp_path / "out" / "adder-v1"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert names == {file["path"] for file in version.manifest["files"]} | {"manifest.json", "SHA256SUMS"}
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=False)
    assert checked.returncode == 0


def test_another_program_reads_it(cast, downloads_for, tmp_path):
    (tmp_path / "x.tar").write_bytes(downloads_for(cast.viewer).get(REST).body)
    listed = subprocess.run(["tar", "-tvf", "x.tar"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert listed.stderr == ""
    assert "adder-v1/adapter_model.safetensors" in listed.stdout


@both
@pytest.mark.parametrize("cut", [0, 1, 511, 512, 2000, -1])
def test_a_download_that_broke_off_is_taken_up_where_it_stopped(cast, downloads_for, url, cut):
    browser = downloads_for(cast.viewer)
    whole = browser.get(url)
    have = whole.body[:cut]
    rest = browser.get(url, range=f"bytes={len(have)}-", if_range=whole.headers["ETag"])
    assert rest.status == 206
    assert have + rest.body == whole.body


def test_an_old_version_is_hashed_once_when_somebody_wants_its_tar(cast, version, downloads_for):
    known = version.tar_sha256
    AdapterVersion.objects.update(tar_sha256="")
    browser = downloads_for(cast.viewer)
    assert browser.head(REST).headers["ETag"] == f'"{known}"'
    weights = next(file for file in version.manifest["files"] if file["path"] == "adapter_model.safetensors")
    blobs.delete(weights["sha256"])
    assert browser.head(REST).headers["ETag"] == f'"{known}"'


def test_the_same_version_is_the_same_tar_for_ever():
    """A changed digest here would paste two tars together where a download is resumed."""
    manifest = Manifest.model_validate_json(MANIFEST)
    parts = tar_parts(manifest, manifest_sha256="c" * 64, manifest_size=700)
    told = "".join(part.sha256 or hashlib.sha256(part.literal).hexdigest() for part in parts)
    assert hashlib.sha256(told.encode()).hexdigest() == PINNED
    assert sum(part.size for part in parts) % tarfile.RECORDSIZE == 0


def test_files_beyond_8_gib_and_long_names_have_room(version):
    manifest = Manifest.model_validate(version.manifest)
    long = "a" * 90 + "/" + "b" * 90
    files = [ManifestFile(path="adapter_model.safetensors", size=9 * 2**30, sha256="a" * 64)]
    files.append(ManifestFile(path=long, size=3, sha256="b" * 64))
    parts = tar_parts(manifest.model_copy(update={"files": files}), manifest_sha256="c" * 64, manifest_size=5)
    with tarfile.open(fileobj=io.BytesIO(parts[0].literal + bytes(1024))) as opened:
        assert opened.next().size == 9 * 2**30
    with tarfile.open(fileobj=io.BytesIO(parts[2].literal + bytes(1024))) as opened:
        assert opened.next().name == f"adder-v1/{long}"


@pytest.mark.parametrize("url", [PAGE, REST])
def test_an_unknown_format_is_refused(cast, downloads_for, url):
    answer = downloads_for(cast.viewer).get(url.replace("tar", "rar"))
    assert answer.status == 422
    assert b"zip" in answer.body


def test_an_alias_gives_what_it_stands_for_and_is_asked_again(cast, version, downloads_for):
    version.adapter.aliases.create(name="production", version=version)
    answer = downloads_for(cast.viewer).get(REST.replace("versions/1", "versions/production"))
    assert answer.headers["ETag"] == f'"{version.tar_sha256}"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Graft-Version"] == "adder@1"


def test_an_outsider_learns_nothing(cast, downloads_for):
    assert downloads_for(cast.outsider).get(REST).status == 404
    assert downloads_for(cast.outsider).get(PAGE).status == 404


def test_the_size_is_known_without_the_storage(version):
    content = archive_content(version, ArchiveFormat.TAR)
    assert content.size % tarfile.RECORDSIZE == 0
    assert content.sha256 == version.tar_sha256


MANIFEST = """{
  "adapter": "support-json", "version": 3, "created_at": "2026-11-26T10:00:00Z",
  "base": {"name": "tiny", "revision": 1, "weights_root": "1", "arch_digest": "2", "tokenizer_digest": "3",
           "chat_template_digest": "4"},
  "files": [{"path": "README.md", "size": 1, "sha256": "a"}, {"path": "adapter_config.json", "size": 512, "sha256": "b"}],
  "lineage": {"job": 1, "dataset": "d", "dataset_version": 1, "dataset_sha256": "5", "config": {}, "libraries": {},
              "seed": 1}
}"""
PINNED = "e7f9537b2ef5cbac5e7e65fbfaf71948973cdfa9e142cbef0b0c7d1570ceabc5"
