"""A merged model as an OCI image layout: what another program reads in it, and that it is one download like any other.

oras reads the layout as it would to push it; digests and sizes are then checked one by one.
"""

import hashlib
import io
import json
import tarfile
from functools import partial
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.test import RequestFactory
from oras.layout import Layout

from finetune_app.merges.export_options import OciOptions
from finetune_app.merges.models import Export
from finetune_app.merges.oci_download import oci_content
from finetune_app.merges.oci_layout import LARGE_BYTES, MOST_LAYERS, ImageFile, lay_out_image
from finetune_app.storage import blobs
from finetune_app.web.ranged import ranged_response
from finetune_app.work.run_task import cancel
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version, read_body
from tests.merges.makers import make_merged_model
from tests.merges.sending import begin_export, export, work_off
from tests.quiet_pulse import pulse_rests
from workers.run_worker_task import run_worker_task

__all__ = ["pulse_rests"]
TITLE = "adder@1 merged into tiny@1"
NAME = "adder-v1-merged-1"
SPEC = "org.opencontainers.image"


@pytest.fixture
def merged(cast, tiny_base, tmp_path):
    """Merged model 1 of `adder@1`: small files, and one that is worth a layer of its own."""
    version = make_version(tiny_base, tmp_path / "adapter", user=cast.editor)
    found = make_merged_model(version)
    blob = blobs.put_bytes(bytes(range(256)) * (2 * LARGE_BYTES // 256))
    found.files.append({"path": "model-00002.safetensors", "size": blob.size, "sha256": blob.sha256})
    found.size += blob.size
    found.save()
    return found


@pytest.fixture
def finished(merged) -> Export:
    done = export(merged, OciOptions())
    assert (done.state, done.error) == (TaskState.SUCCEEDED, "")
    return done


def download(done: Export, **headers: str):
    """What the web gives for it: the answer and its body."""
    request = RequestFactory().get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = ranged_response(request, oci_content(done))
    return answer, async_to_sync(partial(read_body, answer))()


def unpack(content: bytes, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        opened.extractall(folder, filter="data")
    return folder


def blob_of(folder: Path, descriptor: dict) -> bytes:
    """The bytes that a descriptor means, if they are what it says."""
    algorithm, _, digest = descriptor["digest"].partition(":")
    content = (folder / "blobs" / algorithm / digest).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (descriptor["size"], digest)
    return content


def test_another_program_reads_the_layout_and_every_digest_and_size_is_right(finished, tmp_path):
    folder = unpack(download(finished)[1], tmp_path / "layout")
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    layout = Layout(str(folder))  # validates
    found = layout.get_ordered_blobs(NAME)
    assert {digest.partition(":")[2] for digest in found} == {path.name for path in folder.glob("blobs/sha256/*")}

    [entry] = json.loads((folder / "index.json").read_bytes())["manifests"]
    assert entry["digest"] == found[-1] == finished.result["image_digest"]
    manifest = json.loads(blob_of(folder, entry))
    config = json.loads(blob_of(folder, manifest["config"]))
    for layer in manifest["layers"]:
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
        blob_of(folder, layer)
    assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"] for layer in manifest["layers"]]}
    assert config["config"]["Labels"] == manifest["annotations"]
    assert "created" not in config


def test_its_layers_have_the_models_files_and_where_they_come_from(merged, finished, tmp_path):
    folder = unpack(download(finished)[1], tmp_path / "layout")
    [entry] = json.loads((folder / "index.json").read_bytes())["manifests"]
    layers = json.loads(blob_of(folder, entry))["layers"]
    assert [layer["annotations"][f"{SPEC}.title"] for layer in layers][1:] == ["model-00002.safetensors"]
    for layer in layers:
        unpack(blob_of(folder, layer), tmp_path / "root")
    models = tmp_path / "root" / "models"
    names = {path.relative_to(models).as_posix() for path in models.rglob("*") if path.is_file()}
    assert names == {file["path"] for file in merged.files} | {"graft_merge.json", "SHA256SUMS"}
    for line in (models / "SHA256SUMS").read_text().splitlines():
        digest, _, path = line.partition("  ")
        assert hashlib.sha256((models / path).read_bytes()).hexdigest() == digest
    told = json.loads((models / "graft_merge.json").read_bytes())
    assert (told["title"], told["proof"]["verdict"]) == (TITLE, "verified")
    assert "parcel" not in json.dumps(told)  # of the prompts of the proof nothing leaves


def test_the_image_says_what_it_is(merged, finished, tmp_path):
    folder = unpack(download(finished)[1], tmp_path / "layout")
    [entry] = json.loads((folder / "index.json").read_bytes())["manifests"]
    said = json.loads(blob_of(folder, entry))["annotations"]
    assert said[f"{SPEC}.title"] == TITLE
    assert (said["graft.adapter"], said["graft.base"]) == ("adder@1", "tiny@1")
    assert said["graft.adapter.manifest"] == f"sha256:{merged.version.manifest_sha256}"
    assert said["graft.report"] == f"sha256:{merged.report_sha256}"


def test_nothing_in_it_has_a_time_or_an_owner(finished):
    with tarfile.open(fileobj=io.BytesIO(download(finished)[1])) as opened:
        entries = opened.getmembers()
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {(0, 0, 0, "", "")}


def test_the_same_merged_model_is_the_same_tar(merged, finished):
    first = download(finished)[1]
    finished.delete()
    again = export(merged, OciOptions())
    assert download(again)[1] == first
    assert again.files == [{"path": f"{NAME}.oci.tar", "size": len(first), "sha256": hashlib.sha256(first).hexdigest()}]


def test_a_download_is_taken_up_where_it_stopped(finished):
    answer, whole = download(finished)
    assert answer.headers["ETag"] == f'"{hashlib.sha256(whole).hexdigest()}"'
    for cut in (0, 1, 511, 3000, LARGE_BYTES, len(whole) - 1):
        answer, rest = download(finished, range=f"bytes={cut}-")
        assert (answer.status_code, whole[:cut] + rest == whole) == (206, True)


def test_no_byte_of_the_model_is_kept_a_second_time(merged, finished):
    assert blobs.size(finished.result["layout_sha256"]) < 100_000
    assert not blobs.exists(finished.files[0]["sha256"])


def test_a_damaged_file_is_found_before_an_image_is_made_of_it(merged):
    path = blobs.local_path(merged.files[-1]["sha256"])
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(b"x" + content[1:])
    try:
        failed = export(merged, OciOptions())
    finally:
        path.write_bytes(content)
    assert (failed.state, failed.error_code, failed.files) == (TaskState.FAILED, "files_missing", [])


def test_one_that_was_stopped_keeps_nothing(merged):
    begun = begin_export(merged, OciOptions())
    begun.state = TaskState.RUNNING
    begun.save()
    cancel(Export.objects.get(pk=begun.pk))
    run_worker_task(begun)  # the worker had claimed it before
    begun.refresh_from_db()
    assert (begun.state, begun.error_code, begun.files) == (TaskState.FAILED, "cancelled", [])


def test_progress_counts_the_bytes_that_are_read(merged):
    begin_export(merged, OciOptions())
    done = work_off()
    assert (done.done, done.total) <= (2 * merged.size, 2 * merged.size)
    assert done.total == 2 * merged.size


def test_a_model_of_very_many_files_has_no_more_layers_than_can_be_mounted(tmp_path):
    contents = {hashlib.sha256(bytes([place])).hexdigest(): bytes([place]) * LARGE_BYTES for place in range(250)}
    files = [
        ImageFile(f"model-{place:05}.safetensors", LARGE_BYTES, sha256=sha256) for place, sha256 in enumerate(contents)
    ]
    image = lay_out_image(files, name="many", annotations={}, read=lambda sha256: iter([contents[sha256]]))
    texts = b"".join(part.literal or b"" for part in image.layout.parts)
    layers = texts.count(b'"mediaType":"application/vnd.oci.image.layer.v1.tar"')
    assert 0 < layers <= MOST_LAYERS
