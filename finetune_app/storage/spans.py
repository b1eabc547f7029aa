"""Stretches of files, which a server can send without reading them; where blobs are no files, their bytes.

What is downloaded is given as a stream of pieces: bytes, and spans of files on this machine's disk. Whoever can do
nothing with a span turns it into bytes (`read_span`), a part at a time.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from finetune_app.storage import blobs

READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FileSpan:
    """The bytes of the file at `path` from `start` up to but not including `end`."""

    path: Path
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


class FileEndsEarly(Exception):
    """A file is shorter than the span that was promised of it."""


Piece = bytes | FileSpan


async def blob_pieces(sha256: str, start: int, end: int) -> AsyncIterator[Piece]:
    """The bytes of a blob from `start` up to but not including `end`: one span of its file, or parts of its bytes.

    Raises:
        BlobMissing: it is not there.
        BlobDamaged: it ends before `end`.
    """
    path = blobs.local_path(sha256)
    if path is None:
        async for part in blobs.stream_range(sha256, start, end):
            yield part
        return
    try:
        size = (await asyncio.to_thread(path.stat)).st_size
    except FileNotFoundError:
        raise blobs.BlobMissing(sha256) from None
    if size < end:
        raise blobs.BlobDamaged(sha256)
    if start < end:
        yield FileSpan(path, start, end)


async def read_span(span: FileSpan) -> AsyncIterator[bytes]:
    """The bytes of the span, in parts of a megabyte.

    Raises:
        FileEndsEarly: somebody cut the file in the meantime.
    """
    with span.path.open("rb", buffering=0) as file:
        position = span.start
        while position < span.end:
            part = await asyncio.to_thread(os.pread, file.fileno(), min(READ_BYTES, span.end - position), position)
            if not part:
                raise FileEndsEarly(span.path)
            position += len(part)
            yield part


async def as_bytes(pieces: AsyncIterator[Piece]) -> AsyncIterator[bytes]:
    """The same with every span read."""
    async for piece in pieces:
        if isinstance(piece, FileSpan):
            async for part in read_span(piece):
                yield part
        else:
            yield piece
