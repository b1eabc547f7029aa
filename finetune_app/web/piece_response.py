"""Answers made of bytes and of spans of files; a server that can, sends the spans without reading them.

Such a server announces `http.response.zerocopysend`, an extension of ASGI (`web/zero_copy.py` gives it to uvicorn).
Everywhere else, and under the tests' client, spans are read.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from finetune_app.storage.spans import FileSpan, Piece, as_bytes

ZERO_COPY = "http.response.zerocopysend"
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class PieceResponse(StreamingHttpResponse):
    """A streamed answer of pieces; `headers` have its `Content-Length`."""

    def __init__(
        self, request: HttpRequest, pieces: AsyncIterator[Piece], *, headers: Mapping[str, str], status: int = 200
    ) -> None:
        extensions = getattr(request, "scope", {}).get("extensions") or {}
        content = pieces if ZERO_COPY in extensions else as_bytes(pieces)
        super().__init__(content, status=status, headers=dict(headers))

    def make_bytes(self, value: object) -> Any:
        """A span stays what it is, for `Handler`."""
        return value if isinstance(value, FileSpan) else super().make_bytes(value)


class Handler(ASGIHandler):
    """Django, with the spans of a `PieceResponse` passed on to the server."""

    @classmethod
    def chunk_bytes(cls, data: Any) -> Iterator[tuple[Any, bool]]:
        """The parts in which Django sends `data`, and whether each is the last."""
        if isinstance(data, FileSpan):
            yield data, True
        else:
            yield from super().chunk_bytes(data)

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Send all of the response."""

        async def send_piece(message: Mapping[str, Any]) -> None:
            if isinstance(span := message.get("body"), FileSpan):
                await _send_span(span, send)
            else:
                await send(message)

        await super().send_response(response, send_piece)


async def _send_span(span: FileSpan, send: Send) -> None:
    with span.path.open("rb", buffering=0) as file:
        await send({"type": ZERO_COPY, "file": file, "offset": span.start, "count": len(span), "more_body": True})
