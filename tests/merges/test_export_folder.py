"""A merged model as a folder at a place that the administrator names, on a disk and in a bucket: whole, or not at all."""

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, S3Store
from pydantic import ValidationError

from finetune_app.errors import UserError
from finetune_app.merges.export_options import FolderOptions
from finetune_app.merges.models import Export
from finetune_app.storage import blobs
from finetune_app.storage.export_places import export_place, parse_folder, send_folder
from finetune_app.storage.into_bucket import MARK
from finetune_app.storage.location import open_store
from finetune_app.storage.outgoing import OutgoingFile, OutgoingFolder
from finetune_app.work.run_task import cancel
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.merges.makers import make_merged_model
from tests.merges.sending import export
from tests.quiet_pulse import pulse_rests
from tests.storage.fixtures import BUCKET, s3_endpoint
from workers import run_worker_task

__all__ = ["pulse_rests", "s3_endpoint"]
NAME = "adder-v1-merged-1"
OPTIONS = FolderOptions(place="shelf")


@dataclass
class Shelf:
    """The place `shelf`, seen from outside of Graft."""

    url: str

    @property
    def store(self) -> LocalStore | S3Store:
        return open_store(self.url)

    @property
    def files(self) -> dict[str, bytes]:
        """Everything that lies there, hidden or not."""
        return {
            item["path"]: bytes(obstore.get(self.store, item["path"]).bytes())
            for page in obstore.list(self.store)
            for item in page
        }

    def put(self, path: str, content: bytes) -> None:
        obstore.put(self.store, path, content)


@pytest.fixture(params=["folder", "s3"])
def shelf(request, tmp_path, settings) -> Shelf:
    """An empty place of either kind."""
    if request.param == "folder":
        (tmp_path / "the shelf").mkdir()
        url = (tmp_path / "the shelf").as_uri()
    else:
        endpoint = request.getfixturevalue("s3_endpoint")
        url = f"s3://KEY:SECRET@{BUCKET}/{tmp_path.name}?endpoint={endpoint}"
    settings.EXPORT_PLACES = {"shelf": url}
    return Shelf(url)


@pytest.fixture
def merged(cast, tiny_base, tmp_path):
    """Merged model 1 of `adder@1`."""
    return make_merged_model(make_version(tiny_base, tmp_path / "adapter", user=cast.editor))


def sums(content: bytes) -> dict[str, str]:
    """`SHA256SUMS` as path → digest."""
    return {path: digest for digest, _, path in (line.partition("  ") for line in content.decode().splitlines())}


def test_all_files_lie_there_with_their_checksums_and_where_they_come_from(merged, shelf):
    done = export(merged, OPTIONS)
    assert (done.state, done.error) == (TaskState.SUCCEEDED, "")
    files = {path.removeprefix(f"{NAME}/"): content for path, content in shelf.files.items()}
    assert files.keys() == {file["path"] for file in merged.files} | {"graft_merge.json", "SHA256SUMS"}
    for path, digest in sums(files["SHA256SUMS"]).items():
        assert hashlib.sha256(files[path]).hexdigest() == digest
    assert sums(files["SHA256SUMS"]).keys() == files.keys() - {"SHA256SUMS"}
    assert done.result == {
        "place": "shelf",
        "path": NAME,
        "files": len(files),
        "size": sum(map(len, files.values())),
        "is_new": True,
    }
    assert (done.files, done.total) == ([], done.result["size"])


def test_a_path_of_ones_own_below_the_place(merged, shelf):
    done = export(merged, OPTIONS.model_copy(update={"path": "models/support/v1"}))
    assert done.result["path"] == "models/support/v1"
    assert "models/support/v1/config.json" in shelf.files


def test_the_same_once_more_is_done_already_and_writes_nothing(merged, shelf):
    first = export(merged, OPTIONS)
    before = shelf.files
    Export.objects.filter(pk=first.pk).delete()
    again = export(merged, OPTIONS)
    assert (again.state, again.result["is_new"], again.result["path"]) == (TaskState.SUCCEEDED, False, NAME)
    assert shelf.files == before


@pytest.mark.parametrize("there", [{"config.json": b"{}"}, {"notes.txt": b"mine"}])
def test_something_else_is_refused_and_stays(merged, shelf, there):
    for path, content in there.items():
        shelf.put(f"{NAME}/{path}", content)
    before = shelf.files
    failed = export(merged, OPTIONS)
    assert (failed.state, failed.error_code, failed.result["field"]) == (TaskState.FAILED, "folder_taken", "path")
    assert shelf.files == before


def test_a_folder_that_was_changed_since_is_something_else(merged, shelf):
    export(merged, OPTIONS)
    Export.objects.all().delete()
    shelf.put(f"{NAME}/extra.txt", b"added")
    assert export(merged, OPTIONS).error_code == "folder_taken"
    assert shelf.files[f"{NAME}/extra.txt"] == b"added"


def test_a_damaged_file_leaves_nothing_behind(merged, shelf):
    path = blobs.local_path(merged.files[-1]["sha256"])
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"x" + content[1:])
    try:
        failed = export(merged, OPTIONS)
    finally:
        path.write_bytes(content)
    assert (failed.state, failed.error_code) == (TaskState.FAILED, "files_missing")
    assert shelf.files == {}


def test_a_place_that_is_no_longer_named_is_an_error_in_words(merged, settings):
    settings.EXPORT_PLACES = {}
    failed = export(merged, OPTIONS)
    assert (failed.error_code, "GRAFT_EXPORT_PLACES" in failed.error) == ("place_unknown", True)
    assert export_place({"a": "file:///a"}, "a") == "file:///a"


@pytest.mark.parametrize("url", ["file:///nowhere/at/all", "s3://KEY:SECRET@no-such-bucket/x?endpoint={}"])
def test_a_place_that_cannot_be_reached_is_an_error_in_words(merged, settings, s3_endpoint, url):
    settings.EXPORT_PLACES = {"shelf": url.format(s3_endpoint)}
    failed = export(merged, OPTIONS)
    assert (failed.error_code, failed.result["field"]) == ("place_unreachable", "place")
    assert "SECRET" not in failed.error


def test_a_folder_without_the_right_to_write_is_an_error_in_words(merged, tmp_path, settings):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    if os.geteuid() == 0:  # root may write into it; but nobody makes folders among the kernel's own
        closed = Path("/sys")
    settings.EXPORT_PLACES = {"shelf": closed.as_uri()}
    assert export(merged, OPTIONS).error_code == "place_unreachable"


class Broken(Exception):
    """The worker's way out in the middle."""


def outgoing(path: str = "a/b", content: bytes = b"weights" * 1000) -> OutgoingFolder:
    """A folder of two files, and a last one."""

    def chunks() -> Iterator[bytes]:
        yield content[:1000]
        yield content[1000:]

    files = [OutgoingFile("one.bin", len(content), chunks), OutgoingFile("deep/two.bin", len(content), chunks)]
    return OutgoingFolder(path, files, {"last.json": content[:9]})


@pytest.mark.parametrize("pieces", range(1, 6))
def test_a_stop_at_any_piece_leaves_nothing_and_the_next_try_sends_all(shelf, pieces):
    told = []

    def stop(count: int) -> None:
        told.append(count)
        if len(told) == pieces:
            raise Broken

    with pytest.raises(Broken):
        send_folder(shelf.url, outgoing(), stop)
    assert shelf.files == {}
    if shelf.url.startswith("file:"):
        assert list(Path(shelf.store.prefix).iterdir()) == []
    assert send_folder(shelf.url, outgoing(), lambda _: None)
    assert shelf.files.keys() == {"a/b/one.bin", "a/b/deep/two.bin", "a/b/last.json"}


def test_while_it_is_written_nobody_takes_it_for_whole(shelf):
    def look(_: int) -> None:
        names = shelf.files.keys()
        assert "a/b/last.json" not in names or f"a/b/{MARK}" in names
        assert f"a/b/{MARK}" in names or not any(name.startswith("a/b/") for name in names)

    assert send_folder(shelf.url, outgoing(), look)
    assert f"a/b/{MARK}" not in shelf.files


def test_a_worker_that_died_in_the_middle_is_cleaned_up_after_by_the_next_try(shelf):
    """It could not take away what it had begun: that lies there as it was."""
    folder = outgoing()
    if shelf.url.startswith("file:"):
        shelf.put(f"a/.b.{folder.identity[:12]}.incomplete/one.bin", b"weig")
    else:
        shelf.put(f"a/b/{MARK}", folder.identity.encode())
        shelf.put("a/b/one.bin", b"weig")
    assert send_folder(shelf.url, folder, lambda _: None)
    assert shelf.files.keys() == {"a/b/one.bin", "a/b/deep/two.bin", "a/b/last.json"}
    assert shelf.files["a/b/one.bin"] == b"weights" * 1000


def test_two_contents_never_mix_in_one_folder(shelf):
    """Another export into the same folder begins while one is under way."""
    refused = []

    def meanwhile(_: int) -> None:
        if not refused:
            refused.append(True)
            try:
                send_folder(shelf.url, outgoing(content=b"others!" * 1000), lambda _: None)
            except UserError as error:
                refused.append(error.code)

    try:
        send_folder(shelf.url, outgoing(), meanwhile)
    except UserError as error:
        refused.append(error.code)
    assert refused == [True, "folder_taken"]
    contents = {content[:7] for path, content in shelf.files.items()}
    assert len(contents) == 1


@pytest.mark.parametrize(
    "path", ["..", "../x", "a/../b", "a//b", ".hidden", "a/.b", "a\\b", "a b", "a\nb", "ä", "-x", "x" * 101]
)
def test_a_path_that_could_lead_elsewhere_is_refused(shelf, path):
    with pytest.raises(UserError) as refusal:
        parse_folder(path)
    assert (refusal.value.code, refusal.value.field) == ("invalid_path", "path")
    with pytest.raises(UserError):
        send_folder(shelf.url, outgoing(path), lambda _: None)


def test_a_path_may_have_slashes_around_it():
    assert parse_folder(" /models/qwen2.5_0+x/ ") == "models/qwen2.5_0+x"
    assert parse_folder("/") == ""


def test_a_link_that_leads_out_of_the_place_is_refused(tmp_path):
    (tmp_path / "place").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "place" / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(UserError) as refusal:
        send_folder((tmp_path / "place").as_uri(), outgoing("a/b"), lambda _: None)
    assert refusal.value.code == "invalid_path"
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_part_of_several_megabytes_that_breaks_off_leaves_no_upload_open(s3_endpoint, tmp_path):
    big = bytes(33 * 1024 * 1024)
    address = f"s3://KEY:SECRET@{BUCKET}/{tmp_path.name}?endpoint={s3_endpoint}"

    def chunks() -> Iterator[bytes]:
        yield big
        raise Broken

    with pytest.raises(Broken):
        send_folder(address, OutgoingFolder("a", [OutgoingFile("x", 99, chunks)], {"last": b"1"}), lambda _: None)
    with urllib.request.urlopen(f"{s3_endpoint}/{BUCKET}?uploads") as answer:
        assert b"<Upload>" not in answer.read()


def test_a_person_who_stops_it_leaves_nothing_behind(merged, shelf, monkeypatch):
    """The worker learns it where it tells how far it is."""
    monkeypatch.setattr(run_worker_task, "TELL_SECONDS", 0.0)
    whole = blobs.stream

    def stopped_meanwhile(sha256: str) -> Iterator[bytes]:
        cancel(Export.objects.get())
        return whole(sha256)

    monkeypatch.setattr(blobs, "stream", stopped_meanwhile)
    stopped = export(merged, OPTIONS)
    assert (stopped.state, stopped.error_code) == (TaskState.FAILED, "cancelled")
    assert shelf.files == {}


@pytest.mark.parametrize("path", ["../x", ".hidden", "a//b"])
def test_such_a_path_is_refused_when_the_export_is_asked_for(path):
    with pytest.raises(ValidationError):
        FolderOptions(place="shelf", path=path)
    assert FolderOptions(place="shelf", path=" /models/v1/ ").path == "models/v1"
