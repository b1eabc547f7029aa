"""The limit on request bodies, around the whole ASGI application: what is over it is read to its end and thrown away.

Uploads may have `settings.UPLOAD_LIMIT_BYTES`, a piece of an upload `PIECE_LIMIT_BYTES`, everything else
`SMALL_LIMIT_BYTES`. A refused body is still read, so
that the client gets the answer instead of a broken connection. REST is answered from here. The upload page is called
with the beginning of the body (the CSRF token and the fields before the file) and asks `was_too_large(request)`, so
that its form can show the error beside the file.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from finetune_app.errors import UserError

SMALL_LIMIT_BYTES = 2 * 1024 * 1024
PIECE_LIMIT_BYTES = 64 * 1024 * 1024
KEPT_BYTES = 64 * 1024
AROUND_FILE_BYTES = 1024 * 1024  # the other fields and the boundaries of an upload
TOO_LARGE_KEY = "graft.body_too_large"
UPLOAD_PAGE = re.compile(r"/w/[^/]+/datasets/new")
UPLOAD_REST = "/api/v1/datasets"
PIECE = re.compile(r"/(?:w/[^/]+|api/v1)/uploads/[0-9a-f-]+")
REST = "/api/"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def wrap(application: Application) -> "BodyLimit":
    """The application behind the limits of the settings."""
    return BodyLimit(application, upload_limit=settings.UPLOAD_LIMIT_BYTES)


def was_too_large(request: HttpRequest) -> bool:
    """Whether the body was over the limit and only its beginning is here."""
    return bool(getattr(request, "scope", {}).get(TOO_LARGE_KEY))


def file_too_large(limit: int) -> UserError:
    """The refusal of a file of more than `limit` bytes."""
    return UserError(
        "file_too_large",
        f"The file is larger than the limit of {limit // 2**20:,} MiB. Split it, or ask the person who runs this "
        "server to raise GRAFT_UPLOAD_LIMIT_MB.",
        field="file",
        status=413,
    )


def body_too_large() -> UserError:
    """The refusal of any other body."""
    return UserError(
        "body_too_large", f"The request is larger than {SMALL_LIMIT_BYTES // 2**20} MiB. Send less.", status=413
    )


def piece_too_large() -> UserError:
    """The refusal of too large a piece of an upload."""
    return UserError(
        "piece_too_large", f"A piece has at most {PIECE_LIMIT_BYTES // 2**20} MiB. Send smaller pieces.", status=413
    )


class BodyLimit:
    """ASGI middleware; see the module. `upload_limit` is that of the file, in bytes."""

    def __init__(self, application: Application, *, upload_limit: int) -> None:
        self.application = application
        self.upload_limit = upload_limit

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass the request on with a body that is never over its limit, or refuse it."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        on_page = _is_upload(scope) and bool(UPLOAD_PAGE.fullmatch(scope["path"]))
        on_rest = _is_upload(scope) and scope["path"] == UPLOAD_REST
        limit, refusal = self._limit(scope, is_file=on_page or on_rest)
        announced = _content_length(scope)
        scope = {**scope, TOO_LARGE_KEY: False}
        if announced is None and (on_page or on_rest):
            # Django takes a form without a length for an empty one; any other number lets it read to the end.
            scope["headers"] = [*scope["headers"], (b"content-length", str(limit).encode())]
        body = _Body(receive, limit, keep_beginning=on_page, scope=scope)
        if announced is not None and announced > limit:
            await body.cut()
        if body.is_refused and not on_page:
            await _answer(scope, send, refusal)
            return
        await self.application(scope, body.receive, send)
        if body.is_refused and not on_page:
            await _answer(scope, send, refusal)  # the application saw a disconnect and said nothing

    def _limit(self, scope: MutableMapping[str, Any], *, is_file: bool) -> tuple[int, UserError]:
        if is_file:
            return self.upload_limit + AROUND_FILE_BYTES, file_too_large(self.upload_limit)
        if scope["method"] == "PATCH" and PIECE.fullmatch(scope["path"]):
            return PIECE_LIMIT_BYTES, piece_too_large()
        return SMALL_LIMIT_BYTES, body_too_large()


class _Body:
    """The body of one request as the application receives it."""

    def __init__(self, receive: Receive, limit: int, *, keep_beginning: bool, scope: MutableMapping[str, Any]) -> None:
        self._receive = receive
        self._limit = limit
        self._keep_beginning = keep_beginning
        self._scope = scope
        self._seen = 0
        self._waiting: list[Message] = []
        self.is_refused = False

    async def receive(self) -> Message:
        """The next message: never more bytes than the limit."""
        if self._waiting:
            return self._waiting.pop(0)
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        self._seen += len(message.get("body", b""))
        if self._seen <= self._limit:
            return message
        self._refuse(b"")
        await self._drain(message)
        return self._waiting.pop(0)

    async def cut(self) -> None:
        """Read everything now, and keep the beginning at most."""
        kept = b""
        message = await self._receive()
        while message["type"] == "http.request" and message.get("more_body"):
            kept += message.get("body", b"")[: KEPT_BYTES - len(kept)]
            message = await self._receive()
        kept += message.get("body", b"")[: KEPT_BYTES - len(kept)]
        self._refuse(kept)
        await self._drain(message)

    def _refuse(self, kept: bytes) -> None:
        self.is_refused = True
        self._scope[TOO_LARGE_KEY] = True
        end = {"type": "http.request", "body": kept, "more_body": False}
        self._waiting.append(end if self._keep_beginning else {"type": "http.disconnect"})

    async def _drain(self, message: Message) -> None:
        while message["type"] == "http.request" and message.get("more_body"):
            message = await self._receive()
        if message["type"] == "http.disconnect":
            self._waiting[:] = [message]


def _is_upload(scope: MutableMapping[str, Any]) -> bool:
    kind = _header(scope, b"content-type")
    return scope["method"] == "POST" and kind is not None and kind.lower().startswith(b"multipart/form-data")


def _content_length(scope: MutableMapping[str, Any]) -> int | None:
    value = _header(scope, b"content-length")
    return int(value) if value is not None and value.isdigit() else None


def _header(scope: MutableMapping[str, Any], name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key.lower() == name), None)


async def _answer(scope: MutableMapping[str, Any], send: Send, refusal: UserError) -> None:
    if scope["path"].startswith(REST):
        kind, body = b"application/json; charset=utf-8", json.dumps(refusal.as_json()).encode()
    else:
        kind, body = b"text/plain; charset=utf-8", refusal.message.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
