"""The zip of an adapter version: built once when the version is registered, served from its files ever after.

What is kept is not the zip but its layout: the bytes between the files (headers and directory, a few kilobytes) and, by
SHA-256, the blobs in between. So the size, the ETag and every range are known before the first byte, a resumed
download reads only what it still needs, and a zip never changes because a library that writes zips did.
"""

import hashlib
import stat
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from asgiref.sync import sync_to_async
from pydantic import Base64Bytes, BaseModel, ConfigDict
from stream_zip import NO_COMPRESSION_32, NO_COMPRESSION_64, Method, stream_zip

from finetune_app.storage import blobs
from finetune_app.storage.spans import Piece, blob_pieces

FILE_MODE = stat.S_IFREG | 0o644
# The older form of the format, which every program reads, as long as all offsets fit into it with room to spare.
MAX_PLAIN_BYTES = 4_000_000_000
LOCAL_HEADER = struct.Struct("<4s2xH18xHH")  # signature, flags, lengths of the name and of the extra field
SIGNATURE = b"PK\x03\x04"
SIZES_FOLLOW_FLAG = 0x08


@dataclass(frozen=True)
class Member:
    """A file for the zip: its path in it, and its bytes, which can be read twice."""

    path: str
    size: int
    sha256: str
    chunks: Callable[[], Iterator[bytes]]


class Part(BaseModel):
    """A stretch of the zip: `literal` bytes, or the blob `sha256`."""

    model_config = ConfigDict(frozen=True)

    size: int
    literal: Base64Bytes | None = None
    sha256: str | None = None


class ArchiveLayout(BaseModel):
    """A whole zip; `size` in bytes, `sha256` over all of it."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str
    parts: tuple[Part, ...]

    def to_bytes(self) -> bytes:
        """What is kept in the storage."""
        return self.model_dump_json(exclude_none=True).encode()


def lay_out(folder: str, modified_at: datetime, members: Sequence[Member]) -> ArchiveLayout:
    """Lay the members out in a zip, in `folder`, stored without compression (weights do not compress).

    The same arguments give the same bytes.

    Raises:
        blobs.BlobDamaged: a member's bytes are not those of its blob.
    """
    plain = sum(member.size for member in members) < MAX_PLAIN_BYTES
    method = NO_COMPRESSION_32 if plain else NO_COMPRESSION_64
    entries = (
        (f"{folder}/{member.path}", modified_at, FILE_MODE, _stored(method, member), member.chunks())
        for member in members
    )
    tape = _Tape(stream_zip(entries))
    parts: list[Part] = []
    for member in members:
        header = tape.take(LOCAL_HEADER.size)
        signature, flags, name_length, extra_length = LOCAL_HEADER.unpack(header)
        if signature != SIGNATURE or flags & SIZES_FOLLOW_FLAG:
            raise ValueError("the zip library writes another layout than the one that is read here")
        parts.append(_literal(header + tape.take(name_length + extra_length)))
        parts.append(Part(size=member.size, sha256=member.sha256))
        tape.skip(member.size)
    parts.append(_literal(tape.rest()))
    return ArchiveLayout(size=tape.position, sha256=tape.digest.hexdigest(), parts=tuple(parts))


def _stored(method: Callable[[int, int], Method], member: Member) -> Method:
    """How the member is stored; its CRC stands before its bytes, so these are read once for it."""
    checksum, digest = 0, hashlib.sha256()
    for chunk in member.chunks():
        checksum = zlib.crc32(chunk, checksum)
        digest.update(chunk)
    if digest.hexdigest() != member.sha256:
        raise blobs.BlobDamaged(member.sha256)
    return method(member.size, checksum)


def _literal(content: bytes) -> Part:
    return Part.model_construct(size=len(content), literal=content)


async def read_archive(layout: ArchiveLayout, start: int, end: int) -> AsyncIterator[Piece]:
    """The bytes of the archive from `start` up to but not including `end`.

    Raises:
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage ends early.
    """
    offset = 0
    for part in layout.parts:
        first, last = max(start - offset, 0), min(end - offset, part.size)
        offset += part.size
        if first >= last:
            continue
        if part.sha256 is not None:
            async for piece in blob_pieces(part.sha256, first, last):
                yield piece
        elif part.literal is not None:
            yield part.literal[first:last]


async def read_kept_archive(layout_sha256: str, start: int, end: int) -> AsyncIterator[Piece]:
    """The same of the archive whose layout is the blob with this SHA-256."""
    layout = ArchiveLayout.model_validate_json(await sync_to_async(blobs.read, thread_sensitive=False)(layout_sha256))
    async for piece in read_archive(layout, start, end):
        yield piece


class _Tape:
    """The written zip, read once from front to back and hashed on the way."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.position = 0
        self.digest = hashlib.sha256()
        self._chunks = iter(chunks)
        self._ahead = b""

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        return b"".join(self._pass(size))

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        for _ in self._pass(size):
            pass

    def rest(self) -> bytes:
        """All that is left."""
        self._ahead += b"".join(self._chunks)
        return self.take(len(self._ahead))

    def _pass(self, size: int) -> Iterator[bytes]:
        while size:
            if not self._ahead:
                self._ahead = next(self._chunks, b"")
                if not self._ahead:
                    raise ValueError("the zip ends early")
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            size -= len(piece)
            self.position += len(piece)
            self.digest.update(piece)
            yield piece
