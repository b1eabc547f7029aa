"""A file sent in pieces goes on where it stopped, by session and by token, and belongs to who sends it."""

import base64
import fcntl
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from finetune_app.errors import NotFound, UserError
from finetune_app.uploads.metadata import parse_metadata
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.append_piece import append_piece

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


def named(name: str) -> str:
    return f"filename {base64.b64encode(name.encode()).decode()}"


def begin(client: Client, size: int, path: str = "/api/v1/uploads", name: str = "rows.jsonl"):
    return client.post(path, headers=TUS | {"Upload-Length": str(size), "Upload-Metadata": named(name)})


def send(client: Client, address: str, offset: int, body: bytes):
    return client.patch(address, body, content_type=PIECE, headers=TUS | {"Upload-Offset": str(offset)})


@pytest.fixture
def rest(cast, api):
    return api(cast.editor)


def test_what_the_server_can_do_is_said(rest):
    answer = rest.options("/api/v1/uploads")
    assert answer.status_code == 204
    assert answer["Tus-Version"] == "1.0.0"
    assert answer["Tus-Extension"] == "creation,expiration,termination"
    assert int(answer["Tus-Max-Size"]) == 500 * 1024**3  # of a base model; other files may have less, see below


@pytest.mark.parametrize("path", ["/api/v1/uploads", "/w/team/uploads"])
def test_pieces_join_to_the_file(cast, api, client_for, path):
    client = api(cast.editor) if path.startswith("/api") else client_for(cast.editor)
    begun = begin(client, 11, path, "Überblick.jsonl")
    assert (begun.status_code, begun["Upload-Offset"], begun["Tus-Resumable"]) == (201, "0", "1.0.0")
    address = begun["Location"]
    assert address.startswith(f"{path}/")
    assert send(client, address, 0, b"hello ")["Upload-Offset"] == "6"
    standing = client.head(address, headers=TUS)
    assert (standing["Upload-Offset"], standing["Upload-Length"], standing["Cache-Control"]) == ("6", "11", "no-store")
    assert send(client, address, 6, b"world").status_code == 204
    upload = Upload.objects.get()
    assert upload.is_complete
    assert upload.path.read_bytes() == b"hello world"
    assert upload.file_name == "Überblick.jsonl"


def test_a_piece_for_another_place_is_refused_and_changes_nothing(rest):
    address = begin(rest, 10)["Location"]
    send(rest, address, 0, b"abc")
    for offset in (0, 2, 4):
        answer = send(rest, address, offset, b"xyz")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
    assert Upload.objects.get().path.read_bytes() == b"abc"


def test_more_bytes_than_announced_are_refused(rest):
    address = begin(rest, 4)["Location"]
    assert send(rest, address, 0, b"12345").json()["code"] == "upload_too_long"
    assert send(rest, address, 0, b"1234")["Upload-Offset"] == "4"


def test_bytes_that_a_dead_process_wrote_after_its_last_word_do_not_count(rest):
    address = begin(rest, 6)["Location"]
    send(rest, address, 0, b"abc")
    with Upload.objects.get().path.open("ab") as file:
        file.write(b"???")
    assert send(rest, address, 3, b"def").status_code == 204
    assert Upload.objects.get().path.read_bytes() == b"abcdef"


def test_two_writers_at_once_are_one_too_many(rest):
    address = begin(rest, 6)["Location"]
    with Upload.objects.get().path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        answer = send(rest, address, 0, b"abc")
    assert (answer.status_code, answer.json()["code"]) == (423, "upload_busy")


def test_a_piece_for_an_upload_that_just_went_is_refused(rest):
    address = begin(rest, 6)["Location"]
    upload = Upload.objects.get()
    Upload.objects.all().delete()
    with pytest.raises(NotFound):
        append_piece(upload, offset=0, body=io.BytesIO(b"abc"))
    assert send(rest, address, 0, b"abc").status_code == 404


def test_an_upload_can_be_given_up(rest):
    address = begin(rest, 6)["Location"]
    path = Upload.objects.get().path
    assert rest.delete(address, headers=TUS).status_code == 204
    assert not path.exists()
    assert rest.head(address, headers=TUS).status_code == 404


def test_what_nobody_goes_on_with_is_removed(rest):
    begin(rest, 6)
    old = Upload.objects.get()
    Upload.objects.update(touched_at=timezone.now() - timedelta(days=3))
    begin(rest, 7)
    assert not old.path.exists()
    assert [upload.size for upload in Upload.objects.all()] == [7]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": "5"}, 412, "unsupported_version"),
        (TUS | {"Upload-Length": "many"}, 400, "invalid_header"),
        (TUS, 400, "invalid_header"),
        (TUS | {"Upload-Length": "9999999999"}, 413, "file_too_large"),
        (TUS | {"Upload-Length": "5", "Upload-Metadata": "filename §"}, 400, "invalid_metadata"),
    ],
)
def test_a_bad_beginning_is_refused(rest, headers, status, code):
    answer = rest.post("/api/v1/uploads", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Upload.objects.exists()


def test_a_file_of_a_base_model_may_be_larger(rest, settings):
    settings.UPLOAD_LIMIT_BYTES, settings.BASE_LIMIT_BYTES = 10, 20
    headers = TUS | {"Upload-Metadata": f"purpose {base64.b64encode(b'base').decode()}"}
    assert rest.post("/api/v1/uploads", headers=headers | {"Upload-Length": "15"}).status_code == 201
    refused = rest.post("/api/v1/uploads", headers=headers | {"Upload-Length": "25"})
    assert (refused.status_code, refused.json()["code"]) == (413, "base_too_large")
    assert rest.post("/api/v1/uploads", headers=TUS | {"Upload-Length": "15"}).status_code == 413


def test_a_piece_says_what_it_is(rest):
    address = begin(rest, 5)["Location"]
    answer = rest.patch(address, b"abc", content_type="text/plain", headers=TUS | {"Upload-Offset": "0"})
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type")


def test_uploads_belong_to_who_sends_them(cast, api, client_for, rest):
    address = begin(rest, 5)["Location"]
    assert begin(api(cast.viewer), 5).status_code == 403
    for other in (cast.owner, cast.viewer, cast.outsider):
        assert send(api(other), address, 0, b"abc").status_code == 404
    stranger = begin(Client(), 5)
    assert (stranger.status_code, stranger.json()["code"]) == (401, "not_authenticated")
    assert (stranger["WWW-Authenticate"], stranger["Tus-Resumable"]) == ("Bearer", "1.0.0")
    assert begin(client_for(cast.outsider), 5, "/w/team/uploads").status_code == 404
    assert rest.get("/api/v1/uploads").status_code == 405


def test_a_page_of_another_site_cannot_send(cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.editor)
    assert begin(client, 5, "/w/team/uploads").status_code == 403


@given(st.text())
def test_any_metadata_is_read_or_refused(header):
    try:
        found = parse_metadata(header)
    except UserError:
        return
    assert all(isinstance(value, str) for value in found.values())
