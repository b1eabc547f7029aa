"""The tus protocol 1.0.0 with its extensions creation, expiration and termination.

Source: https://tus.io/protocols/resumable-upload. Own code of a few dozen lines, since the protocol's Python servers
belong to other web frameworks (FastAPI, Litestar, Django REST framework). The same operations serve the pages, by
session, and REST, by token: see `views.py`.
"""

import json
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date

from finetune_app.accounts.access import Access
from finetune_app.errors import UserError
from finetune_app.uploads.access import get_upload
from finetune_app.uploads.metadata import parse_metadata
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.append_piece import append_piece
from finetune_app.uploads.services.begin_upload import begin_upload
from finetune_app.uploads.services.end_upload import expires_at, remove_upload

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
PIECE_TYPE = "application/offset+octet-stream"
BASE = "base"  # the `purpose` in the metadata of a file of a base model


def describe() -> HttpResponse:
    """OPTIONS: what this server can do."""
    largest = str(max(settings.UPLOAD_LIMIT_BYTES, settings.BASE_LIMIT_BYTES))
    return _answer(204, {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": largest})


def create(request: HttpRequest, access: Access) -> HttpResponse:
    """POST: begin an upload; `Location` is where its pieces go.

    Raises:
        UserError: see `begin_upload`; `invalid_header`, `invalid_metadata`, `unsupported_version`.
    """
    _check_version(request)
    metadata = parse_metadata(request.headers.get("Upload-Metadata", ""))
    name = metadata.get("filename", "").replace("\\", "/").rpartition("/")[2]
    size, is_of_base = _number(request, "Upload-Length"), metadata.get("purpose") == BASE
    upload = begin_upload(access, file_name=name or "file", size=size, is_of_base=is_of_base)
    location = f"{request.path.rstrip('/')}/{upload.pk}"
    return _answer(201, {"Location": location} | _standing(upload))


def operate(request: HttpRequest, access: Access, pk: UUID) -> HttpResponse:
    """HEAD, PATCH or DELETE of one upload.

    Raises:
        UserError: `unsupported_version`, `invalid_header`, `wrong_content_type`, or what `append_piece` raises.
        NotFound: there is no such upload.
    """
    _check_version(request)
    upload = get_upload(access, pk)
    if request.method == "HEAD":
        return _answer(200, {"Upload-Length": str(upload.size), "Cache-Control": "no-store"} | _standing(upload))
    if request.method == "DELETE":
        remove_upload(upload)
        return _answer(204, {})
    if request.content_type != PIECE_TYPE:
        raise UserError("wrong_content_type", f"A piece has the Content-Type {PIECE_TYPE}.", status=415)
    append_piece(upload, offset=_number(request, "Upload-Offset"), body=request)
    return _answer(204, _standing(upload))


def refuse(error: UserError) -> HttpResponse:
    """The error as JSON, with the header that every tus answer has."""
    response = _answer(error.status, {"Tus-Version": VERSION} if error.code == "unsupported_version" else {})
    response.content = json.dumps(error.as_json()).encode()
    response["Content-Type"] = "application/json"
    return response


def _standing(upload: Upload) -> dict[str, str]:
    return {"Upload-Offset": str(upload.received), "Upload-Expires": http_date(expires_at(upload).timestamp())}


def _check_version(request: HttpRequest) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise UserError("unsupported_version", f"This server speaks tus {VERSION} (Tus-Resumable).", status=412)


def _number(request: HttpRequest, header: str) -> int:
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdigit() and len(value) < 16):  # noqa: PLR2004 - more bytes than any disk has
        raise UserError("invalid_header", f"{header} must be a number of bytes.", status=400)
    return int(value)


def _answer(status: int, headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(status=status, headers={"Tus-Resumable": VERSION} | headers)
