"""Files that were sent in pieces become a version through a real worker's hands, or are refused and can be read anew."""

import errno
import gzip
import uuid
from pathlib import Path

import pytest
from django.db import connection

from finetune_app.datasets.imports_access import imports_of
from finetune_app.datasets.models import DatasetImport, DatasetVersion
from finetune_app.datasets.services.import_again import import_again
from finetune_app.datasets.services.import_uploads import import_uploads
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.errors import NotFound, UserError
from finetune_app.imports.end_import import sweep_imports
from finetune_app.storage import incoming
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.begin_upload import begin_upload
from finetune_app.uploads.services.end_upload import remove_upload
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.datasets.imports import send, work_off
from tests.datasets.makers import chat, jsonl, upload_file
from workers.run_worker_task import run_worker_task

IMPORTS = "/api/v1/imports"


@pytest.fixture
def access(cast):
    return cast.access(cast.editor)


def test_one_plain_file_is_the_same_version_as_a_plain_upload(access):
    content = jsonl(chat(), chat("Why?", "Because."))
    import_uploads(access, name="support", uploads=[send(access, content).pk])
    found = work_off()
    assert (found.state, found.result) == (TaskState.SUCCEEDED, {"dataset": "support", "version": 1, "is_new": True})
    assert found.version.rows == 2
    same, is_new = upload_dataset(access, name="support", file=upload_file(content))
    assert (same, is_new) == (found.version, False)


def test_several_files_of_several_kinds_become_one_version(access):
    files = [
        send(access, b"question,reply\nWho?,Me.\n", "a.csv"),
        send(access, gzip.compress(jsonl({"question": "When?", "reply": "Now."})), "b.jsonl.gz"),
    ]
    options = {"columns": {"prompt": "question", "completion": "reply"}}
    import_uploads(access, name="mixed", uploads=[file.pk for file in files], options=options)
    version = work_off().version
    assert (version.rows, version.file_name) == (2, "a.csv and 1 more")
    assert [row["completion"] for row in version.first_rows] == ["Me.", "Now."]
    assert [file["kind"] for file in version.origin["read_from"]] == ["CSV", "JSONL, gzip"]


def test_bad_rows_refuse_the_import_until_they_are_left_out(access):
    content = jsonl(chat(), {"messages": []}, chat("Why?", "Because."))
    import_uploads(access, name="support", uploads=[send(access, content).pk])
    refused = work_off()
    assert (refused.state, refused.error_code) == (TaskState.FAILED, "bad_rows")
    assert [row["row"] for row in refused.result["details"]] == [2]
    assert not DatasetVersion.objects.exists()
    import_again(access, refused, {"leave_out_bad_rows": True})
    version = work_off().version
    assert (version.rows, version.rows_read, [row["row"] for row in version.bad_rows]) == (2, 3, [2])


def test_what_was_sent_is_deleted_once_it_is_a_version(access, tmp_path):
    upload = send(access, jsonl(chat()))
    import_uploads(access, name="support", uploads=[upload.pk])
    work_off()
    with pytest.raises(incoming.IncomingMissing):
        incoming.fetch(str(upload.pk), tmp_path / "gone")


def test_a_worker_that_died_after_the_success_leaves_no_files(access, tmp_path):
    upload = send(access, jsonl(chat()))
    found = import_uploads(access, name="support", uploads=[upload.pk])
    DatasetImport.objects.filter(pk=found.pk).update(state=TaskState.SUCCEEDED)
    sweep_imports(DatasetImport)
    with pytest.raises(incoming.IncomingMissing):
        incoming.fetch(str(upload.pk), tmp_path / "gone")


def test_an_upload_is_used_once_and_only_when_it_is_complete(access):
    half = begin_upload(access, file_name="rows.jsonl", size=9)
    with pytest.raises(UserError, match="Send the rest first"):
        import_uploads(access, name="support", uploads=[half.pk])
    whole = send(access, jsonl(chat()))
    import_uploads(access, name="support", uploads=[whole.pk])
    with pytest.raises(NotFound):
        import_uploads(access, name="support", uploads=[whole.pk])
    with pytest.raises(UserError, match="at least one file"):
        import_uploads(access, name="support", uploads=[])


def while_handing_over(monkeypatch, happens):
    """From now on `happens(name)` comes before each file is moved."""
    hand_over = incoming.hand_over

    def watched(path: Path, name: str) -> None:
        happens(name)
        hand_over(path, name)

    monkeypatch.setattr(incoming, "hand_over", watched)


def is_in_storage(upload: Upload, tmp_path: Path) -> bool:
    try:
        incoming.fetch(str(upload.pk), tmp_path / str(uuid.uuid4()))
    except incoming.IncomingMissing:
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_bytes_are_moved(access, monkeypatch):
    seen = []
    while_handing_over(monkeypatch, lambda _name: seen.append(connection.in_atomic_block))
    import_uploads(access, name="support", uploads=[send(access, jsonl(chat())).pk])
    assert seen == [False]


def test_files_of_which_only_some_could_be_moved_have_to_be_sent_again(access, monkeypatch, tmp_path):
    first, second = send(access, jsonl(chat())), send(access, jsonl(chat()))

    def full(name: str) -> None:
        if name == str(second.pk):
            raise OSError(errno.ENOSPC, "No space left on device")

    while_handing_over(monkeypatch, full)
    with pytest.raises(UserError, match="Send the files again") as refused:
        import_uploads(access, name="support", uploads=[first.pk, second.pk])
    assert refused.value.code == "upload_lost"
    assert not DatasetImport.objects.exists()
    assert not is_in_storage(first, tmp_path)
    assert list(Upload.objects.all()) == [second]
    assert second.path.exists()


def test_uploads_of_which_none_could_be_moved_stay_for_another_try(access, monkeypatch):
    upload = send(access, jsonl(chat()))

    def full(_name: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        while_handing_over(patch, full)
        with pytest.raises(OSError, match="No space left"):
            import_uploads(access, name="support", uploads=[upload.pk])
    import_uploads(access, name="support", uploads=[upload.pk])
    assert work_off().state == TaskState.SUCCEEDED


def test_of_two_that_import_the_same_upload_at_once_one_wins(access, monkeypatch):
    upload = send(access, jsonl(chat()))
    refused = []

    def second(_name: str) -> None:
        with pytest.raises(UserError) as caught:
            import_uploads(access, name="other", uploads=[upload.pk])
        refused.append(caught.value.code)

    while_handing_over(monkeypatch, second)
    import_uploads(access, name="support", uploads=[upload.pk])
    assert refused == ["upload_busy"]
    assert work_off().version.dataset.name == "support"


def test_an_upload_that_is_given_up_while_it_is_moved_is_not_imported(access, monkeypatch, tmp_path):
    first, second = send(access, jsonl(chat())), send(access, jsonl(chat()))

    def give_up_first(name: str) -> None:
        if name == str(second.pk):
            remove_upload(first)

    while_handing_over(monkeypatch, give_up_first)
    with pytest.raises(NotFound):
        import_uploads(access, name="support", uploads=[first.pk, second.pk])
    assert not DatasetImport.objects.exists()
    assert not any(is_in_storage(upload, tmp_path) for upload in (first, second))


def test_who_gives_an_upload_up_too_late_takes_nothing_from_its_import(access):
    upload = send(access, jsonl(chat()))
    import_uploads(access, name="support", uploads=[upload.pk])
    remove_upload(upload)
    assert work_off().state == TaskState.SUCCEEDED


def test_what_a_process_moved_and_then_died_is_refused_clearly_and_goes_with_its_upload(access, tmp_path):
    upload = send(access, jsonl(chat()))
    incoming.hand_over(upload.path, str(upload.pk))
    with pytest.raises(UserError, match="Send the file again"):
        import_uploads(access, name="support", uploads=[upload.pk])
    remove_upload(upload)
    assert not is_in_storage(upload, tmp_path)


def test_rest_tells_where_an_import_stands(cast, api, access):
    rest = api(cast.editor)
    order = {"name": "support", "uploads": [str(send(access, jsonl(chat(), {})).pk)]}
    begun = rest.post(IMPORTS, order, content_type="application/json")
    assert (begun.status_code, begun.json()["state"]) == (202, "queued")
    url = begun.json()["url"]
    assert url == f"http://testserver{IMPORTS}/{begun.json()['id']}"
    assert rest.get(url).json()["url"] == url
    work_off()
    refused = rest.get(url).json()
    assert (refused["error"]["code"], refused["error"]["field"], refused["version"]) == ("bad_rows", "file", None)
    again = rest.post(f"{url}/again", {"leave_out_bad_rows": True}, content_type="application/json")
    assert again.json()["state"] == "queued"
    work_off()
    assert rest.get(url).json()["version"] == "support@1"
    assert rest.delete(url).status_code == 204
    assert rest.get(url).status_code == 404
    assert DatasetVersion.objects.count() == 1


def test_imports_belong_to_their_workspace_and_viewers_only_look(cast, api, access):
    found = import_uploads(access, name="support", uploads=[send(access, jsonl(chat())).pk])
    url = f"{IMPORTS}/{found.pk}"
    assert api(cast.viewer).get(url).status_code == 200
    for client, status in ((api(cast.viewer), 403), (api(cast.outsider), 404)):
        assert client.delete(url).status_code == status
        assert client.post(f"{url}/again", {}, content_type="application/json").status_code == status
    order = {"name": "support", "uploads": [str(uuid.uuid4())]}
    assert api(cast.viewer).post(IMPORTS, order, content_type="application/json").status_code == 403
    assert api(cast.editor).post(IMPORTS, order, content_type="application/json").status_code == 404
    assert imports_of(cast.access(cast.outsider)).count() == 0


def test_an_import_that_a_worker_holds_is_given_up_at_once_and_the_worker_keeps_nothing(cast, api, access):
    found = import_uploads(access, name="support", uploads=[send(access, jsonl(chat())).pk])
    held = claim_next_task("light@test")
    assert api(cast.editor).delete(f"{IMPORTS}/{found.pk}").status_code == 204
    run_worker_task(held)
    assert not DatasetImport.objects.exists()
    assert not DatasetVersion.objects.exists()
