"""Each file of a version by itself, from the browser and from REST."""

import hashlib
import json

import pytest

from finetune_app.storage import blobs

PAGE = "/w/team/adapters/adder/v/1/files/"
REST = "/api/v1/adapters/adder/versions/1/files/"
pytestmark = pytest.mark.usefixtures("version")
both = pytest.mark.parametrize("prefix", [PAGE, REST])


@both
def test_every_listed_file_comes_with_its_digest(cast, version, downloads_for, prefix):
    viewer = downloads_for(cast.viewer)
    for file in version.manifest["files"]:
        answer = viewer.get(prefix + file["path"])
        assert answer.status == 200
        assert hashlib.sha256(answer.body).hexdigest() == file["sha256"]
        assert answer.headers["ETag"] == f'"{file["sha256"]}"'
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{file["path"]}"'


@both
def test_the_manifest_comes_as_it_was_written(cast, version, downloads_for, prefix):
    answer = downloads_for(cast.viewer).get(prefix + "manifest.json")
    assert json.loads(answer.body) == version.manifest
    assert hashlib.sha256(answer.body).hexdigest() == version.manifest_sha256
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Content-Type"] == "application/json"


@both
def test_a_part_of_a_file_is_that_part(cast, downloads_for, prefix):
    viewer = downloads_for(cast.viewer)
    whole = viewer.get(prefix + "adapter_model.safetensors")
    part = viewer.get(prefix + "adapter_model.safetensors", range="bytes=8-99")
    assert (part.status, part.body) == (206, whole.body[8:100])
    assert viewer.head(prefix + "adapter_model.safetensors").headers["Content-Length"] == str(len(whole.body))
    assert (
        viewer.get(prefix + "README.md", if_none_match=viewer.head(prefix + "README.md").headers["ETag"]).status == 304
    )


@both
@pytest.mark.parametrize(
    "path", ["training_args.bin", "../secret_key", "..%2Fsecret_key", ".hidden.json", "README.md/"]
)
def test_nothing_else_can_be_read(cast, downloads_for, prefix, path):
    blobs.put_bytes(b"another workspace's")
    assert downloads_for(cast.viewer).get(prefix + path).status == 404


@both
def test_an_outsider_learns_nothing(cast, downloads_for, prefix):
    assert downloads_for(cast.outsider).get(prefix + "README.md").status == 404
