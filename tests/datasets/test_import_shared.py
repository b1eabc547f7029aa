"""Files of a shared folder or bucket become a version through a real worker's hands; nothing outside is reached."""

import urllib.request
from pathlib import Path

import pytest
from django.test import Client

from finetune_app.datasets.derivation import Derivation
from finetune_app.datasets.import_source import SharedFiles
from finetune_app.datasets.models import DatasetImport, DatasetVersion
from finetune_app.datasets.services.derive_version import derive_version, derived_version
from finetune_app.datasets.services.import_again import import_again
from finetune_app.datasets.services.import_from import import_from
from finetune_app.environment import named_places
from finetune_app.errors import UserError
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.datasets.imports import work_off
from tests.datasets.makers import chat, jsonl
from tests.datasets.tasks import run_task
from tests.storage.fixtures import BUCKET, s3_endpoint
from workers.run_worker_task import run_worker_task

__all__ = ["s3_endpoint"]
IMPORTS = "/api/v1/imports"


@pytest.fixture
def access(cast):
    return cast.access(cast.editor)


@pytest.fixture
def share(settings, monkeypatch):
    """Says which places the administrator shares: to this process and to the worker's child."""

    def share(**places: str) -> None:
        text = " ".join(f"{name}={url}" for name, url in places.items())
        settings.IMPORT_SOURCES = named_places(text)
        monkeypatch.setenv("GRAFT_IMPORT_SOURCES", text)

    return share


@pytest.fixture
def archive(tmp_path, share) -> Path:
    """A shared folder with two files of rows, and others."""
    folder = tmp_path / "the archive"
    (folder / "chats").mkdir(parents=True)
    (folder / "chats" / "b.jsonl").write_bytes(jsonl(chat("Why?", "Because.")))
    (folder / "chats" / "a.jsonl").write_bytes(jsonl(chat()))
    (folder / "chats" / "notes.txt").write_text("not rows")
    (folder / "chats" / "_SUCCESS.json").write_text("")
    share(archive=folder.as_uri())
    return folder


def begin(access, path: str, source: str = "archive", **options) -> DatasetImport:
    return import_from(access, name="support", source=SharedFiles(source=source, path=path), options=options)


def test_one_file_is_copied_and_read(access, archive):
    begin(access, "chats/a.jsonl")
    found = work_off()
    assert (found.state, found.version.rows, found.version.file_name) == (TaskState.SUCCEEDED, 1, "chats/a.jsonl")
    assert (archive / "chats" / "a.jsonl").exists()


def test_a_folder_is_all_its_files_that_can_hold_rows_by_name(access, archive):
    begin(access, "/chats/")
    version = work_off().version
    assert version.file_name == "chats/a.jsonl and 1 more"
    assert [row["completion"] for row in version.first_rows] == ["On its way.", "Because."]


def test_the_version_says_where_it_came_from_and_what_pins_it(access, archive):
    begin(access, "chats/a.jsonl")
    origin = work_off().version.origin
    assert {key: origin[key] for key in ("kind", "source", "path")} == {
        "kind": "shared",
        "source": "archive",
        "path": "chats/a.jsonl",
    }
    assert list(origin["e_tags"]) == ["chats/a.jsonl"]
    assert origin["read_from"] == [{"name": "chats/a.jsonl", "kind": "JSONL"}]


def test_a_derived_version_still_says_where_its_rows_were_fetched_from(cast, access, archive):
    begin(access, "chats")
    version = work_off().version
    task = run_task(derive_version(access, version, Derivation.model_validate({"sample": {"n": 1}})))
    made = derived_version(task)
    assert [source["text"] for source in made.origin["sources"]] == ["shared folder archive: chats"]
    for number in (1, 2):
        page = cast.client(cast.editor).get(f"/w/team/datasets/support/v/{number}/").content.decode()
        assert "shared folder archive: chats" in page
        rest = cast.api(cast.editor).get(f"/api/v1/datasets/support/versions/{number}").json()
        assert set(rest["sources"][0]["e_tags"]) == {"chats/a.jsonl", "chats/b.jsonl"}


def test_a_bucket_is_read_as_a_folder_is(access, share, s3_endpoint):
    put = urllib.request.Request(
        f"{s3_endpoint}/{BUCKET}/rows/a%20b.csv",
        data=b"prompt,completion\n1,2\n",
        headers={"Content-Type": "text/csv"},
        method="PUT",
    )
    with urllib.request.urlopen(put):
        pass
    share(lake=f"s3://KEY:SECRET@{BUCKET}/rows?endpoint={s3_endpoint}")
    begin(access, "a b.csv", "lake")
    version = work_off().version
    assert (version.rows, version.origin["path"]) == (1, "a b.csv")
    assert "SECRET" not in str(version.origin) + str(DatasetImport.objects.get().source)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("nothing", "path_unknown"),
        ("chats/notes", "path_unknown"),
        ("", "no_files"),
        ("../secret.jsonl", "invalid_path"),
        ("chats/../../secret.jsonl", "invalid_path"),
        ("link", "path_unknown"),
        ("link/secret.jsonl", "path_unknown"),
        ("link.jsonl", "path_unknown"),
    ],
)
def test_what_is_not_in_the_folder_is_refused(access, archive, path, code):
    outside = archive.parent / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_bytes(jsonl(chat()))
    (archive.parent / "secret.jsonl").write_bytes(jsonl(chat()))
    (archive / "link").symlink_to(outside)
    (archive / "link.jsonl").symlink_to(outside / "secret.jsonl")
    begin(access, path)
    found = work_off()
    assert (found.state, found.error_code, found.result["field"]) == (TaskState.FAILED, code, "path")
    assert not DatasetVersion.objects.exists()


def test_more_bytes_than_an_upload_may_have_are_refused_before_they_are_copied(access, archive, settings):
    settings.UPLOAD_LIMIT_BYTES = 10
    begin(access, "chats")
    found = work_off()
    assert (found.error_code, found.phase) == ("import_too_large", "")


def test_a_folder_that_is_gone_is_said(access, share, tmp_path):
    share(archive=(tmp_path / "nowhere").as_uri())
    begin(access, "a.jsonl")
    assert work_off().error_code == "source_unreachable"


def test_an_unknown_folder_is_refused_at_once(access, archive):
    with pytest.raises(UserError, match="There are archive") as refused:
        begin(access, "a.jsonl", "other")
    assert (refused.value.code, refused.value.field) == ("source_unknown", "source")
    assert not DatasetImport.objects.exists()


def test_files_that_were_fetched_and_refused_are_read_again_without_another_copy(access, archive):
    (archive / "table.csv").write_bytes(b"question,reply\nWho?,Me.\n")
    begin(access, "table.csv")
    refused = work_off()
    assert (refused.error_code, refused.has_files, refused.source["files"][0]["size"]) == ("no_good_rows", True, 24)
    (archive / "table.csv").unlink()
    import_again(access, refused, {"columns": {"prompt": "question", "completion": "reply"}})
    version = work_off().version
    assert (version.rows, version.origin["path"], list(version.origin["e_tags"])) == (1, "table.csv", ["table.csv"])


def test_another_path_can_be_tried_when_nothing_was_fetched(access, archive):
    refused = begin(access, "chats/c.jsonl")
    work_off()
    import_again(access, refused, {}, SharedFiles(source="archive", path="chats/a.jsonl"))
    assert work_off().version.rows == 1


def test_an_import_that_was_given_up_keeps_nothing(access, archive, api, cast):
    found = begin(access, "chats")
    held = claim_next_task("light@test")
    assert api(cast.editor).delete(f"{IMPORTS}/{found.pk}").status_code == 204
    run_worker_task(held)
    assert not DatasetVersion.objects.exists()


def post(client: Client, body: dict):
    return client.post(IMPORTS, body, content_type="application/json")


def test_rest_imports_from_a_shared_folder(cast, api, archive):
    rest = api(cast.editor)
    source = {"kind": "shared", "source": "archive", "path": "chats/a.jsonl"}
    begun = post(rest, {"name": "support", "source": source})
    assert (begun.status_code, begun.json()["source"]) == (202, source)
    work_off()
    done = rest.get(begun.json()["url"]).json()
    assert (done["version"], done["state"]) == ("support@1", "succeeded")
    assert done["error"] is None


@pytest.mark.parametrize(
    ("source", "code", "field"),
    [
        ({"kind": "shared", "source": "other", "path": "a"}, "source_unknown", "source"),
        ({"kind": "hub", "repo_id": "no such/form of name"}, "invalid_repo_id", "repo_id"),
        ({"kind": "ftp", "path": "a"}, "invalid_fields", "source"),
    ],
)
def test_rest_says_which_field_is_wrong(cast, api, archive, source, code, field):
    answer = post(api(cast.editor), {"name": "support", "source": source})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert field in answer.json()["field"]
    assert not DatasetImport.objects.exists()


def test_rest_takes_uploads_or_a_source(cast, api, archive):
    order = {
        "name": "support",
        "uploads": ["00000000-0000-0000-0000-000000000000"],
        "source": {"kind": "shared", "source": "archive", "path": "chats"},
    }
    assert post(api(cast.editor), order).json()["code"] == "two_sources"


def test_viewers_cannot_import(cast, api, archive):
    order = {"name": "support", "source": {"kind": "shared", "source": "archive", "path": "chats"}}
    assert post(api(cast.viewer), order).status_code == 403
