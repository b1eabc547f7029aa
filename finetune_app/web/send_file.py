"""A file into a socket by the kernel (`sendfile`), from an event loop that goes on with its other work.

A thread sends as long as the other side takes what comes; when it does not, the event loop waits for it, so a slow
client costs no thread. A thread, because the disk may keep `sendfile` waiting. After a while it is another one's turn.
"""

import asyncio
import errno
import os
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

STEP_BYTES = 4 * 1024 * 1024  # for one call; between two of them a turn can end
TURN_SECONDS = 0.25
PATIENCE_MS = 2  # how long a thread waits for a socket that is full
THREADS = 8
COPY_BYTES = 256 * 1024
UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="send-file")


async def send_file(socket: int, file: int, start: int, count: int) -> bool:
    """Send `count` bytes of `file` from `start` on; False when the other side is gone.

    Both are file descriptors that stay open until this returns; the socket does not block, and is not one that the
    event loop has a transport for.

    Raises:
        EOFError: the file ends before.
        OSError: the file cannot be read.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    position, end = start, start + count
    while position < end:
        turn = loop.run_in_executor(_threads, _send, socket, file, position, end, stop)
        try:
            position, is_full = await asyncio.shield(turn)
        except asyncio.CancelledError:
            stop.set()
            while not turn.done():  # the thread must be done before the caller closes what it uses
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([turn])
            raise
        except (BrokenPipeError, ConnectionError):
            return False
        if is_full:
            await _writable(loop, socket)
    return True


def _send(socket: int, file: int, position: int, end: int, stop: threading.Event) -> tuple[int, bool]:
    """One turn of a thread: the place that it came to, and whether the socket is full."""
    poll = select.poll()
    poll.register(socket, select.POLLOUT)
    until = time.monotonic() + TURN_SECONDS
    while position < end and not stop.is_set() and time.monotonic() < until:
        try:
            sent = _step(socket, file, position, min(STEP_BYTES, end - position))
        except BlockingIOError:
            if not poll.poll(PATIENCE_MS):
                return position, True
            continue
        if not sent:
            raise EOFError("the file ends early")
        position += sent
    return position, False


def _step(socket: int, file: int, position: int, count: int) -> int:
    try:
        return os.sendfile(socket, file, position, count)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        # A file system without it: through this process, then.
        return os.write(socket, part) if (part := os.pread(file, min(COPY_BYTES, count), position)) else 0


async def _writable(loop: asyncio.AbstractEventLoop, socket: int) -> None:
    ready = asyncio.Event()
    loop.add_writer(socket, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(socket)
