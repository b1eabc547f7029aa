"""The zip of a version over HTTP, from the browser and from REST."""

import hashlib
import io
import zipfile

import pytest

from adapters.downloads import archive_content
from finetune_app.storage import blobs
from tests.adapters.makers import make_version, write_adapter

PAGE = "/w/team/adapters/adder/v/1/download"
REST = "/api/v1/adapters/adder/versions/1/download"
pytestmark = pytest.mark.usefixtures("version")
both = pytest.mark.parametrize("url", [PAGE, REST])


@both
def test_a_viewer_gets_a_zip_in_which_every_file_matches_its_checksum(cast, version, downloads_for, url):
    answer = downloads_for(cast.viewer).get(url)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="adder-v1.zip"'
    assert answer.headers["Content-Length"] == str(len(answer.body)) == str(version.archive_size)
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    with zipfile.ZipFile(io.BytesIO(answer.body)) as opened:
        names = {name.removeprefix("adder-v1/") for name in opened.namelist()}
        sums = dict(reversed(line.split("  ")) for line in opened.read("adder-v1/SHA256SUMS").decode().splitlines())
        assert sums.keys() == names - {"SHA256SUMS"}
        assert {"adapter_model.safetensors", "adapter_config.json", "README.md", "manifest.json"} < names
        for name, sha256 in sums.items():
            assert hashlib.sha256(opened.read(f"adder-v1/{name}")).hexdigest() == sha256


@both
def test_the_weights_come_out_as_they_went_in(cast, downloads_for, tmp_path, url):
    answer = downloads_for(cast.viewer).get(url)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as opened:
        weights = opened.read("adder-v1/adapter_model.safetensors")
    assert weights == (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes()


@both
@pytest.mark.parametrize("cut", [0, 1, 31, 500, 2000, -1])
def test_a_download_that_broke_off_is_taken_up_where_it_stopped(cast, downloads_for, url, cut):
    browser = downloads_for(cast.viewer)
    whole = browser.get(url)
    have = whole.body[:cut]
    rest = browser.get(url, range=f"bytes={len(have)}-", if_range=whole.headers["ETag"])
    assert rest.status == 206
    assert rest.headers["Content-Range"] == f"bytes {len(have)}-{len(whole.body) - 1}/{len(whole.body)}"
    assert have + rest.body == whole.body


@both
def test_another_version_is_never_pasted_onto_the_beginning_of_this_one(cast, version, tmp_path, downloads_for, url):
    make_version(version.base_revision, write_adapter(tmp_path / "second", seed=3), key="job-2")
    browser = downloads_for(cast.viewer)
    first_etag = browser.head(url).headers["ETag"]
    other = browser.get(
        url.replace("/v/1/", "/v/2/").replace("/versions/1/", "/versions/2/"), range="bytes=9-", if_range=first_etag
    )
    assert other.status == 200
    assert zipfile.is_zipfile(io.BytesIO(other.body))


@both
def test_who_is_done_or_has_it_gets_no_byte(cast, version, downloads_for, url):
    browser = downloads_for(cast.viewer)
    head = browser.head(url)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(version.archive_size)
    assert head.headers["ETag"] == f'"{version.archive_sha256}"'
    known = browser.get(url, if_none_match=head.headers["ETag"])
    assert (known.status, known.body) == (304, b"")
    behind = browser.get(url, range=f"bytes={version.archive_size}-")
    assert (behind.status, behind.headers["Content-Range"]) == (416, f"bytes */{version.archive_size}")


@both
def test_an_outsider_learns_nothing(cast, downloads_for, url):
    assert downloads_for(cast.outsider).get(url).status == 404


@pytest.mark.parametrize("number", ["2", "0", "9" * 30])
def test_a_version_that_is_not_there_is_not_found(cast, downloads_for, number):
    browser = downloads_for(cast.viewer)
    assert browser.get(PAGE.replace("/1/", f"/{number}/")).status == 404
    answer = browser.get(REST.replace("versions/1/", f"versions/{number}/"))
    assert answer.status == 404
    assert b'"code": "adapter_version_not_found"' in answer.body


def test_without_a_token_or_a_session_there_is_nothing(client):
    assert client.get(REST).status_code == 401
    assert client.get(PAGE).status_code == 302


def test_a_page_is_not_written_to(cast, client_for):
    assert client_for(cast.owner).post(PAGE).status_code == 405


def test_a_download_breaks_off_when_the_storage_lost_a_file(cast, version, downloads_for):
    weights = next(file for file in version.manifest["files"] if file["path"] == "adapter_model.safetensors")
    blobs.delete(weights["sha256"])
    with pytest.raises(blobs.BlobMissing):
        downloads_for(cast.viewer).get(PAGE)


def test_what_is_known_before_the_first_byte_needs_no_storage(cast, version, downloads_for):
    for sha256 in (version.archive_layout_sha256, version.manifest_sha256):
        blobs.delete(sha256)
    assert downloads_for(cast.viewer).head(PAGE).status == 200
    assert archive_content(version).size == version.archive_size
