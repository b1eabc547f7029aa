"""Files as HTTP answers: streamed, resumable and cacheable, whatever the bytes come from.

The ETag is the SHA-256 of the whole content, so a resumed download can never be pasted together from two contents.

Django itself (`get_conditional_response`) judges `If-Match` and `If-None-Match`; what it lacks is ranges. Werkzeug
parses those well, but it is a second web framework beside Django for the twenty lines of RFC 9110, section 14, that are
needed here: one range of bytes. Several ranges at once are answered with the whole content, as the RFC allows.
"""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag

# The address names one immutable content; only the person who fetched it may keep it.
CACHE_FOR_GOOD = "private, max-age=31536000, immutable"
_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """Something to download: `size` in bytes, and how to read its bytes from `start` up to but not including `end`."""

    file_name: str
    size: int
    sha256: str
    read: Callable[[int, int], AsyncIterator[bytes]]
    content_type: str = "application/octet-stream"

    @property
    def etag(self) -> str:
        """The strong ETag, in its quotes."""
        return quote_etag(self.sha256)


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `start` up to but not including `end`."""

    start: int
    end: int


class UnsatisfiableRange(Exception):
    """The range lies behind the last byte."""


def ranged_response(request: HttpRequest, content: Content) -> HttpResponseBase:
    """The answer to a GET or HEAD for `content`: 200, 206, 304, 412 or 416."""
    whole = HttpResponse(headers=_headers(content))
    conditional = get_conditional_response(request, etag=content.etag, response=whole)
    if conditional is not None and conditional is not whole:
        return conditional
    if request.method == "HEAD":  # a range has no meaning for HEAD
        whole.headers["Content-Length"] = str(content.size)
        return whole
    try:
        part = requested_range(request, content)
    except UnsatisfiableRange:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{content.size}", "Accept-Ranges": "bytes"})
    return _stream(content, part)


def requested_range(request: HttpRequest, content: Content) -> ByteRange | None:
    """The one range that the request asks for, or None for the whole content.

    Raises:
        UnsatisfiableRange: there is no such byte.
    """
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != content.etag:
        return None  # the client has the beginning of something else: it gets all of this
    return parse_range(request.headers.get("Range", ""), content.size)


def parse_range(header: str, size: int) -> ByteRange | None:
    """The value of a `Range` header for a content of `size` bytes; None when it is not one plain range of bytes.

    Raises:
        UnsatisfiableRange: it is one, but there is no such byte.
    """
    match = _RANGE.fullmatch(header)
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise UnsatisfiableRange
    return ByteRange(start, end)


def _headers(content: Content) -> dict[str, str]:
    return {
        "Content-Type": content.content_type,
        "Content-Disposition": content_disposition_header(True, content.file_name) or "attachment",
        "Accept-Ranges": "bytes",
        "ETag": content.etag,
        "Cache-Control": CACHE_FOR_GOOD,
    }


def _stream(content: Content, part: ByteRange | None) -> StreamingHttpResponse:
    start, end = (part.start, part.end) if part else (0, content.size)
    headers = _headers(content) | {"Content-Length": str(end - start)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    return StreamingHttpResponse(content.read(start, end), status=206 if part else 200, headers=headers)
