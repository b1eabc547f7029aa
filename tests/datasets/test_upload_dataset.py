"""An upload becomes an immutable version known by its bytes, or nothing at all is kept."""

import gzip
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection
from pytest_django.fixtures import Settings

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import User
from finetune_app.datasets.models import Dataset, DatasetVersion
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from tests.cast import Cast, make_cast
from tests.datasets.makers import chat, jsonl, upload_file

AccessOf = Callable[[User], Access]
GOOD = jsonl(chat(split="train"), chat("Why?", split="held_out"), chat("How?", split="train"))
MIXED = jsonl(chat(), {"text": "Once."}, chat("Why?"))


@pytest.fixture
def editor(cast: Cast) -> Access:
    return cast.access(cast.editor)


def stored_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_version_keeps_what_the_check_found_and_the_bytes(editor: Access, storage_folder: Path) -> None:
    version, is_new = upload_dataset(editor, name="support", file=upload_file(GOOD))
    assert is_new
    assert str(version) == "support@1"
    assert version.sha256 == hashlib.sha256(GOOD).hexdigest()
    assert (version.size, version.file_name) == (len(GOOD), "rows.jsonl")
    assert (version.file_format, version.row_form) == ("jsonl", "chat")
    assert (version.rows, version.train_rows, version.held_out_rows) == (3, 2, 1)
    assert version.created_by == editor.user
    assert version.dataset.workspace == editor.workspace
    assert blobs.read(version.sha256) == GOOD
    assert [path.name for path in stored_files(storage_folder)] == [version.sha256]


def test_the_first_rows_are_kept_to_look_at(editor: Access) -> None:
    rows = [chat("long " * 2000, "short")] + [chat(f"Question {number}?") for number in range(30)]
    version, _ = upload_dataset(editor, name="support", file=upload_file(jsonl(*rows)))
    version.refresh_from_db()
    assert [row["number"] for row in version.first_rows] == list(range(1, 11))
    assert len(version.first_rows[0]["prompt"][0]["content"]) == 2001
    assert [row["cut"] for row in version.first_rows[:2]] == [True, False]
    assert version.first_rows[1]["prompt"] == [{"role": "user", "content": "Question 0?"}]
    assert version.first_rows[1]["completion"] == "On its way."


def test_the_same_bytes_again_are_the_same_version(editor: Access) -> None:
    first, _ = upload_dataset(editor, name="support", file=upload_file(GOOD))
    again, is_new = upload_dataset(editor, name="support", file=upload_file(GOOD, "other-name.jsonl"))
    assert (again, is_new) == (first, False)
    assert DatasetVersion.objects.count() == 1


def test_other_bytes_are_the_next_version(editor: Access) -> None:
    upload_dataset(editor, name="support", file=upload_file(GOOD))
    second, is_new = upload_dataset(editor, name="support", file=upload_file(jsonl(chat("New?"))))
    assert (second.number, is_new) == (2, True)


def test_the_same_bytes_under_another_name_are_another_dataset(editor: Access) -> None:
    upload_dataset(editor, name="support", file=upload_file(GOOD))
    other, is_new = upload_dataset(editor, name="sales", file=upload_file(GOOD))
    assert (str(other), is_new) == ("sales@1", True)


def test_workspaces_do_not_share_names(cast: Cast) -> None:
    for user in (cast.editor, cast.outsider):
        version, is_new = upload_dataset(cast.access(user), name="support", file=upload_file(GOOD))
        assert (version.number, is_new) == (1, True)


def test_a_large_file_on_disk_is_stored_as_it_is(editor: Access) -> None:
    content = jsonl(*(chat(f"Question {number}? " + "x" * 1000) for number in range(3000)))
    file = TemporaryUploadedFile("big.jsonl", "application/json", len(content), None)
    file.write(content)
    file.flush()
    version, _ = upload_dataset(editor, name="big", file=file)
    assert version.rows == 3000
    assert hashlib.sha256(b"".join(blobs.stream(version.sha256))).hexdigest() == version.sha256


def test_bad_rows_refuse_the_file_and_are_listed(editor: Access, storage_folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        upload_dataset(editor, name="support", file=upload_file(MIXED))
    error = caught.value
    assert (error.code, error.field, error.status) == ("bad_rows", "file", 422)
    assert error.message.startswith("1 of 3 rows cannot be trained on")
    assert [detail["row"] for detail in error.details] == [2]
    assert "“text”" in error.details[0]["reason"]
    assert not Dataset.objects.exists()
    assert not stored_files(storage_folder)


def test_of_many_bad_rows_the_first_200_are_listed_and_all_are_counted(editor: Access) -> None:
    with pytest.raises(UserError) as caught:
        upload_dataset(editor, name="support", file=upload_file(jsonl(chat(), *[{"messages": []}] * 300)))
    assert len(caught.value.details) == 200
    assert "300 of 301 rows" in caught.value.message


def test_bad_rows_can_be_left_out_and_stay_listed_on_the_version(editor: Access) -> None:
    version, _ = upload_dataset(editor, name="support", file=upload_file(MIXED), leave_out_bad_rows=True)
    version.refresh_from_db()
    assert version.rows == 2
    assert [(bad["row"], bad["text"]) for bad in version.bad_rows] == [(2, '{"text": "Once."}')]
    assert blobs.read(version.sha256) == jsonl(chat(), chat("Why?"))
    assert (version.rows_read, version.rows_to_skip) == (3, [])


def test_too_many_bad_rows_cannot_be_left_out(editor: Access) -> None:
    content = jsonl(chat()) + b"{}\n" * 10_001
    with pytest.raises(UserError) as caught:
        upload_dataset(editor, name="support", file=upload_file(content), leave_out_bad_rows=True)
    assert caught.value.code == "bad_rows"
    assert "10,000" in caught.value.message


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"PK\x03\x04", b"\xff\xfe{\x00", b"[]", b"{}", b"[1"])
def test_nothing_is_kept_of_a_refused_file(editor: Access, storage_folder: Path, content: bytes) -> None:
    with pytest.raises(UserError):
        upload_dataset(editor, name="support", file=upload_file(content))
    assert not Dataset.objects.exists()
    assert not stored_files(storage_folder)


@pytest.mark.parametrize("name", ["", "new", "Support", "a b", "../up", "a..b", "x" * 101, "-a"])
def test_a_name_that_cannot_be_an_address_is_refused(editor: Access, name: str) -> None:
    with pytest.raises(UserError) as caught:
        upload_dataset(editor, name=name, file=upload_file(GOOD))
    assert (caught.value.code, caught.value.field) == ("invalid_name", "name")


def test_a_file_over_the_limit_is_refused_before_it_is_read(editor: Access, settings: Settings) -> None:
    settings.UPLOAD_LIMIT_BYTES = len(GOOD) - 1
    with pytest.raises(UserError) as caught:
        upload_dataset(editor, name="support", file=upload_file(GOOD))
    assert (caught.value.code, caught.value.field, caught.value.status) == ("file_too_large", "file", 413)


def test_a_viewer_may_not_upload(access: AccessOf, cast: Cast) -> None:
    with pytest.raises(UserError) as caught:
        upload_dataset(access(cast.viewer), name="support", file=upload_file(GOOD))
    assert (caught.value.code, caught.value.status) == ("not_allowed", 403)
    assert not Dataset.objects.exists()


def test_texts_with_nul_are_stored_on_every_database(editor: Access) -> None:
    content = jsonl(chat("a\0b", "c\0d"), {"messages": [{"role": "x\0y", "content": ""}]})
    version, _ = upload_dataset(editor, name="support", file=upload_file(content), leave_out_bad_rows=True)
    version.refresh_from_db()
    assert "\0" not in json.dumps([version.first_rows, version.bad_rows], ensure_ascii=False)


@pytest.mark.django_db(transaction=True)
def test_uploads_at_once_get_a_number_each_and_the_same_bytes_one_version() -> None:
    cast = make_cast()
    access = cast.access(cast.editor)
    start = threading.Barrier(6)
    made: list[tuple[int, bool]] = []

    def upload(question: str) -> None:
        start.wait()
        try:
            version, is_new = upload_dataset(access, name="support", file=upload_file(jsonl(chat(question))))
            made.append((version.number, is_new))
        finally:
            connection.close()

    threads = [threading.Thread(target=upload, args=(question,)) for question in ("a?", "b?", "c?") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [(1, False), (1, True), (2, False), (2, True), (3, False), (3, True)]
    assert Dataset.objects.count() == 1


def test_only_versions_of_older_releases_have_bad_rows_in_their_file(editor: Access) -> None:
    version, _ = upload_dataset(editor, name="support", file=upload_file(MIXED), leave_out_bad_rows=True)
    assert version.rows_to_skip == []
    version.bad_rows = [{"row": 2, "reason": "The row has the form “text”."}]
    assert version.rows_to_skip == [2]


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Say hi.", "input": "", "output": "Hi."},
        {
            "conversations": [{"from": "human", "value": "Hi?"}],
            "chosen": {"from": "gpt", "value": "Hi."},
            "rejected": {"from": "gpt", "value": "No."},
        },
    ],
)
def test_an_array_is_stored_as_jsonl(editor: Access, row: dict[str, object], storage_folder: Path) -> None:
    content = json.dumps([row] * 3, indent=2).encode()
    version, _ = upload_dataset(editor, name="rows", file=upload_file(content, "rows.json"))
    assert (version.rows, version.file_format) == (3, "jsonl")
    assert version.origin == {"read_from": [{"name": "rows.json", "kind": "JSON array"}]}
    assert [json.loads(line) for line in blobs.read(version.sha256).splitlines()] == [row] * 3
    again, is_new = upload_dataset(editor, name="rows", file=upload_file(content, "rows.json"))
    assert (again, is_new) == (version, False)
    assert [path.name for path in stored_files(storage_folder)] == [version.sha256]


def test_nothing_is_left_in_the_temporary_folder(editor: Access, settings: Settings, tmp_path: Path) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "temporary"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    upload_dataset(editor, name="support", file=upload_file(json.dumps([chat()]).encode()))
    for content in (b"[1, 2]", b'[{"text": "a"}', json.dumps([chat(), 7]).encode()):
        with pytest.raises(UserError):
            upload_dataset(editor, name="support", file=upload_file(content))
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.iterdir())


def test_a_small_packed_file_cannot_fill_the_disk(editor: Access, settings: Settings) -> None:
    settings.UPLOAD_LIMIT_BYTES = 10_000
    with pytest.raises(UserError) as caught:
        upload_dataset(editor, name="support", file=upload_file(gzip.compress(b'{"text": "a"}\n' * 100_000)))
    assert caught.value.code == "unpacked_too_large"
