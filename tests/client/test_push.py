"""Files are sent in pieces, what has arrived is never sent again, and a worker makes a version of them."""

import os

import httpx
import pytest

from finetune_app.datasets.models import DatasetVersion
from finetune_app.uploads.models import Upload
from graft import Client, GraftError
from graft.upload_memory import KEPT_SECONDS, UploadMemory
from graft.uploads import Uploader, files_in
from tests.datasets.makers import chat, jsonl
from tests.served import CuttingProxy, light_worker

KILOBYTE = 1024


@pytest.fixture
def worker(people):
    with light_worker():
        yield


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr("graft.uploads.PIECE_BYTES", 64 * KILOBYTE)
    monkeypatch.setattr("graft.uploads.pause", lambda _number: None)


@pytest.fixture
def rows(tmp_path):
    """A file of about 400 kilobytes."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(jsonl(*(chat(f"Question {number}?", "An answer. " * 20) for number in range(1200))))
    return path


def test_a_file_becomes_a_version(client, worker, rows):
    heard = []
    found = client.datasets.push("support", rows, progress=lambda *told: heard.append(told))
    assert found["version"] == "support@1"
    assert DatasetVersion.objects.get().rows == 1200
    assert ("rows.jsonl", rows.stat().st_size, rows.stat().st_size) in heard
    assert [one["name"] for one in client.datasets.list()] == ["support"]
    assert client.datasets.get("support")["versions"][0]["rows"] == 1200


def test_a_folder_is_one_version_of_all_its_files(client, worker, tmp_path):
    folder = tmp_path / "chats"
    (folder / "2026").mkdir(parents=True)
    (folder / "b.csv").write_text("prompt,completion\nWho?,Me.\n")
    (folder / "2026" / "a.csv").write_text("prompt,completion\nWhen?,Now.\n")
    (folder / ".DS_Store").write_bytes(b"?")
    client.datasets.push("mixed", folder)
    assert [row["completion"] for row in DatasetVersion.objects.get().first_rows] == ["Now.", "Me."]


def test_columns_are_named(client, worker, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("question,reply\nWho?,Me.\n")
    client.datasets.push("named", path, columns={"prompt": "question", "completion": "reply"})
    [row] = DatasetVersion.objects.get().first_rows
    assert (row["prompt"][0]["content"], row["completion"]) == ("Who?", "Me.")


def test_bad_rows_are_told_with_their_reasons(client, worker, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(jsonl(chat(), {"messages": []}))
    with pytest.raises(GraftError) as caught:
        client.datasets.push("support", path)
    assert caught.value.code == "bad_rows"
    assert caught.value.details[0]["row"] == 2
    assert not DatasetVersion.objects.exists()
    assert client.datasets.push("support", path, leave_out_bad_rows=True)["version"] == "support@1"


def test_connections_that_break_cost_a_piece_at_most(server, people, worker, rows, small_pieces):
    proxy = CuttingProxy(server, [100 * KILOBYTE, 90 * KILOBYTE, 10 * KILOBYTE], upward=True)
    with Client(proxy.address, people.token(people.editor)) as shaky:
        assert shaky.datasets.push("support", rows)["version"] == "support@1"
    proxy.close()
    assert proxy.cuts == 3
    assert DatasetVersion.objects.get().size == rows.stat().st_size


def test_another_program_goes_on_where_the_first_stopped(
    client, server, people, worker, rows, small_pieces, monkeypatch
):
    token = people.token(people.editor)

    def stop(_what, done, _total):
        if done > 200 * KILOBYTE:
            raise KeyboardInterrupt

    with Client(server, token) as first, pytest.raises(KeyboardInterrupt):
        first.datasets.push("support", rows, progress=stop)
    before = Upload.objects.get()
    assert before.received >= 128 * KILOBYTE

    offsets = []
    patch = httpx.Client.patch

    def note(self, url, **options):
        offsets.append(int(options["headers"]["Upload-Offset"]))
        return patch(self, url, **options)

    monkeypatch.setattr(httpx.Client, "patch", note)
    with Client(server, token) as second:
        second.datasets.push("support", rows)
    assert offsets[0] == before.received
    assert not Upload.objects.exists()


def test_a_changed_file_is_another_upload(client, worker, rows, own_folder):
    uploader = Uploader(client._transport, lambda *_: None)
    uploader.send(rows)
    memory = UploadMemory(client.base_url)
    assert memory.recall(rows)
    rows.write_bytes(jsonl(chat()))
    assert memory.recall(rows) is None
    client.datasets.push("support", rows)
    assert DatasetVersion.objects.get().rows == 1


def test_an_upload_that_the_server_forgot_is_begun_again(client, worker, rows):
    Uploader(client._transport, lambda *_: None).send(rows)
    Upload.objects.all().delete()
    assert client.datasets.push("support", rows)["version"] == "support@1"


def test_what_is_remembered_does_not_pile_up(client, worker, rows, own_folder):
    old = own_folder / "uploads" / "old"
    old.parent.mkdir(parents=True)
    old.write_text("/uploads/gone")
    os.utime(old, (1, old.stat().st_mtime - KEPT_SECONDS - 60))
    client.datasets.push("support", rows)
    assert list((own_folder / "uploads").iterdir()) == []


def test_a_viewer_is_refused_in_the_servers_words(server, people, rows):
    with Client(server, people.token(people.viewer)) as viewer, pytest.raises(GraftError) as caught:
        viewer.datasets.push("support", rows)
    assert (caught.value.code, caught.value.status) == ("not_allowed", 403)


def test_nothing_to_send_is_said_before_anything_is_sent(tmp_path):
    for path, code in ((tmp_path / "missing", "no_such_file"), (tmp_path, "no_files")):
        with pytest.raises(GraftError) as caught:
            files_in([path])
        assert caught.value.code == code


def test_the_command_prints_the_version(graft, worker, rows):
    said = graft("datasets", "push", "support", rows)
    assert (said.code, said.out, said.err) == (0, "support@1\n", "")
    again = graft("datasets", "push", "support", rows, "--json")
    assert again.json["state"] == "succeeded"
    assert graft("datasets", "list", "--json").json[0]["rows"] == 1200
    assert "support" in graft("datasets", "list").out


def test_the_command_tells_which_rows_are_bad(graft, worker, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(jsonl(chat(), {"messages": []}))
    said = graft("datasets", "push", "support", path)
    assert (said.code, said.out) == (1, "")
    assert "row 2:" in said.err
    assert '"bad_rows"' in graft("datasets", "push", "support", path, "--json").err


def test_a_column_without_a_name_is_wrong_usage(graft, rows):
    assert graft("datasets", "push", "support", rows, "--column", "prompt").code == 2
