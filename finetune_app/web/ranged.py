"""Files as HTTP answers: streamed, resumable and cacheable, whatever the bytes come from.

The ETag is the SHA-256 of the whole content, so a resumed download can never be pasted together from two contents; the
same digest goes along in the header of RFC 9530 and in the older one that programs still read.

Django itself (`get_conditional_response`) judges `If-Match` and `If-None-Match`; what it lacks is ranges.
"""

import base64
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag

from finetune_app.storage.spans import Piece
from finetune_app.web.byte_ranges import ByteRange, UnsatisfiableRange, parse_ranges
from finetune_app.web.piece_response import PieceResponse

# The address names one immutable content; only the person who fetched it may keep it.
CACHE_FOR_GOOD = "private, max-age=31536000, immutable"
# The address may name another content tomorrow (an alias moves, a link expires): kept, but asked for again each time.
ASK_AGAIN = "private, no-cache"


@dataclass(frozen=True)
class Content:
    """Something to download: `size` in bytes, and how to read its bytes from `start` up to but not including `end`."""

    file_name: str
    size: int
    sha256: str
    read: Callable[[int, int], AsyncIterator[Piece]]
    content_type: str = "application/octet-stream"

    @property
    def etag(self) -> str:
        """The strong ETag, in its quotes."""
        return quote_etag(self.sha256)


def bytes_content(file_name: str, content: bytes, content_type: str) -> Content:
    """A small file that is written when it is asked for."""

    async def read(start: int, end: int) -> AsyncIterator[Piece]:
        yield content[start:end]

    return Content(file_name, len(content), hashlib.sha256(content).hexdigest(), read, content_type)


def ranged_response(request: HttpRequest, content: Content, *, cache: str = CACHE_FOR_GOOD) -> HttpResponseBase:
    """The answer to a GET or HEAD for `content`: 200, 206, 304, 412 or 416; `cache` is its `Cache-Control`."""
    headers = _headers(content) | {"Cache-Control": cache}
    whole = HttpResponse(headers=headers)
    conditional = get_conditional_response(request, etag=content.etag, response=whole)
    if conditional is not None and conditional is not whole:
        return conditional
    if request.method == "HEAD":  # a range has no meaning for HEAD
        whole.headers["Content-Length"] = str(content.size)
        return whole
    try:
        parts = requested_ranges(request, content)
    except UnsatisfiableRange:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{content.size}", "Accept-Ranges": "bytes"})
    if parts is None:
        headers["Content-Length"] = str(content.size)
        return PieceResponse(request, content.read(0, content.size), headers=headers)
    if len(parts) > 1:
        return _several(request, content, parts, headers)
    [part] = parts
    headers |= {"Content-Length": str(len(part)), "Content-Range": _place(part, content)}
    return PieceResponse(request, content.read(part.start, part.end), status=206, headers=headers)


def requested_ranges(request: HttpRequest, content: Content) -> list[ByteRange] | None:
    """The ranges that the request asks for, or None for the whole content.

    Raises:
        UnsatisfiableRange: there are no such bytes.
    """
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != content.etag:
        return None  # the client has the beginning of something else: it gets all of this
    return parse_ranges(request.headers.get("Range", ""), content.size)


def _headers(content: Content) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(content.sha256)).decode()
    return {
        "Content-Type": content.content_type,
        "Content-Disposition": content_disposition_header(True, content.file_name) or "attachment",
        "Accept-Ranges": "bytes",
        "ETag": content.etag,
        "Repr-Digest": f"sha-256=:{digest}:",
        "Digest": f"sha-256={digest}",
    }


def _place(part: ByteRange, content: Content) -> str:
    return f"bytes {part.start}-{part.end - 1}/{content.size}"


def _several(
    request: HttpRequest, content: Content, parts: Sequence[ByteRange], headers: dict[str, str]
) -> HttpResponseBase:
    """Several ranges, as the `multipart/byteranges` of RFC 9110, section 14.6."""
    boundary = uuid.uuid4().hex
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {content.content_type}\r\nContent-Range: {_place(part, content)}\r\n\r\n"
        for part in parts
    ]
    end = f"\r\n--{boundary}--\r\n".encode()

    async def read() -> AsyncIterator[Piece]:
        for head, part in zip(heads, parts, strict=True):
            yield head.encode()
            async for piece in content.read(part.start, part.end):
                yield piece
        yield end

    length = sum(map(len, heads)) + sum(map(len, parts)) + len(end)
    headers |= {"Content-Type": f"multipart/byteranges; boundary={boundary}", "Content-Length": str(length)}
    return PieceResponse(request, read(), status=206, headers=headers)
