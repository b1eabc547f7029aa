"""uvicorn's HTTP over httptools, with files sent by the kernel: the ASGI extension `http.response.zerocopysend`.

A file's bytes go from the page cache to the socket without passing through Python, at the speed of a web server in C
and without any memory of this process. uvicorn does not have the extension; `uvicorn --http` takes a protocol's name.
Nothing is announced on encrypted connections, whose bytes have to pass through OpenSSL.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from finetune_app.web.piece_response import ZERO_COPY
from finetune_app.web.send_file import send_file

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.app = cast("Any", _with_zero_copy(cast("Application", self.app)))

    def on_message_begin(self) -> None:
        """A new request: say what the server can do."""
        super().on_message_begin()
        if self.scheme == "http" and self.transport.get_extra_info("socket") is not None:
            cast("Scope", self.scope).setdefault("extensions", {})[ZERO_COPY] = {}


def _with_zero_copy(application: Application) -> Application:
    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        cycle: RequestResponseCycle = send.__self__  # type: ignore[attr-defined]

        async def send_or_copy(message: Message) -> None:
            if message["type"] == ZERO_COPY:
                await _copy(cycle, message)
            else:
                await send(message)

        await application(scope, receive, send_or_copy)

    return called


async def _copy(cycle: RequestResponseCycle, message: Message) -> None:
    """Carry out a `zerocopysend` message within the answer that `cycle` sends."""
    file, count = message["file"].fileno(), message.get("count")
    offset = message.get("offset")
    start = os.lseek(file, 0, os.SEEK_CUR) if offset is None else offset
    length = os.fstat(file).st_size - start if count is None else count
    if not cycle.response_started or cycle.chunked_encoding:
        raise RuntimeError("a file is sent within an answer that has begun and whose length is known")
    if length > cycle.expected_content_length:
        raise RuntimeError("Response content longer than Content-Length")
    if not cycle.disconnected and cycle.scope["method"] != "HEAD":
        await _flush(cycle)
    if not cycle.disconnected and cycle.scope["method"] != "HEAD":
        with _duplicate(cycle.transport) as socket:
            await _send(cycle, socket.fileno(), file, start, length)
    if not message.get("more_body", False):
        await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(cycle: RequestResponseCycle, socket: int, file: int, start: int, length: int) -> None:
    try:
        if await send_file(socket, file, start, length):
            cycle.expected_content_length -= length
            return
    except (EOFError, OSError):
        log.exception("A file cannot be sent to its end")
    # The client is gone, or must see that this is not all; what the application still sends goes nowhere.
    cycle.disconnected = True
    cycle.transport.abort()


async def _flush(cycle: RequestResponseCycle) -> None:
    """Wait until all that was written before is with the kernel, so that nothing is overtaken."""
    transport = cycle.transport
    transport.set_write_buffer_limits(high=0)
    try:
        while transport.get_write_buffer_size() and not cycle.disconnected:
            await asyncio.sleep(0)  # uvloop writes at the end of a round
            await cycle.flow.drain()
    finally:
        transport.set_write_buffer_limits()


def _duplicate(transport: asyncio.Transport) -> Any:
    """The connection's socket under a number of its own, which stays open, and this connection's, until it is closed.

    The event loop refuses to watch the transport's own number.
    """
    return os.fdopen(os.dup(transport.get_extra_info("socket").fileno()), "wb", buffering=0)
