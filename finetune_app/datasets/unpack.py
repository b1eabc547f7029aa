"""Files as streams of UTF-8 bytes: gzip and Zstandard unpacked up to a limit, UTF-16 turned into UTF-8. Pure."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

import zstandard

from finetune_app.errors import UserError

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
PACKINGS = {GZIP: "gzip", ZSTD: "Zstandard"}
PACKED_PIECE_BYTES = 1024  # of Zstandard: four bytes can become 128 KiB
PIECE_BYTES = 256 * 1024
UTF16_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class Readable(Protocol):
    """What is needed of a file: an `UploadedFile` has it, and so has any file opened in binary mode."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""

    def seek(self, offset: int, /) -> object:
        """Go to a byte."""


def packing_of(file: Readable) -> str:
    """“gzip” or “Zstandard” by the file's first bytes, "" for neither."""
    file.seek(0)
    head = file.read(4)
    return next((name for magic, name in PACKINGS.items() if head.startswith(magic)), "")


def open_unpacked(file: Readable, *, limit: int) -> BinaryIO:
    """The file from its start, unpacked.

    Args:
        file: any.
        limit: bytes; reading raises once a packed file holds more.

    Reading raises:
        UserError: `damaged_file` or `unpacked_too_large`, beside the field `file`.
    """
    packing = packing_of(file)
    file.seek(0)
    read: Callable[[int], bytes] = file.read
    if packing == "gzip":
        read = gzip.GzipFile(fileobj=file, mode="rb").read
    elif packing:
        read = _Zstandard(file).read
    return io.BufferedReader(_Stream(read, packing, limit), PIECE_BYTES)


def open_as_utf8(file: BinaryIO, encoding: str) -> BinaryIO:
    """UTF-16 text as UTF-8, without its mark. Reading raises `invalid_utf8`."""
    return io.BufferedReader(_Stream(_Utf16(file, encoding).read, "", 0), PIECE_BYTES)


def utf16_encoding(head: bytes) -> str:
    """“utf-16-le” or “utf-16-be” when a file that begins with `head` is written in it, with a mark or without."""
    for mark, encoding in UTF16_MARKS.items():
        if head.startswith(mark) and not head.startswith(codecs.BOM_UTF32_LE):
            return encoding
    if len(head) < 2 or (head[0] == 0) == (head[1] == 0):  # noqa: PLR2004 - one character
        return ""
    encoding = "utf-16-be" if head[0] == 0 else "utf-16-le"
    text = head[: len(head) // 2 * 2].decode(encoding, errors="ignore")
    return encoding if text and "\0" not in text and (text[0].isprintable() or text[0].isspace()) else ""


class _Stream(io.RawIOBase):
    """A `read` as a raw stream that knows its limit and says what is wrong with a packed file."""

    def __init__(self, read: Callable[[int], bytes], packing: str, limit: int) -> None:
        self._read = read
        self._packing = packing
        self._limit = limit
        self._seen = 0

    def readable(self) -> bool:
        """`io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes into `buffer`; how many."""
        try:
            chunk = self._read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise UserError(
                "damaged_file",
                f"The {self._packing} file is damaged or ends too early ({error}). Pack it again and upload it.",
                field="file",
            ) from None
        self._seen += len(chunk)
        if self._packing and self._seen > self._limit:
            raise UserError(
                "unpacked_too_large",
                f"Unpacked, the file is larger than the limit of {self._limit // 2**20:,} MiB. Split it.",
                field="file",
                status=413,
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)


class _Zstandard:
    """Frame after frame. Not the library's own stream reader: it takes a frame that breaks off for a whole one."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._frame = self._new_frame()
        self._waiting = memoryview(b"")

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._waiting:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._file.read(PACKED_PIECE_BYTES)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("the last frame is not whole")
                return b""
            if self._frame.eof:
                self._frame = self._new_frame()
            self._waiting = memoryview(self._frame.decompress(packed))
        chunk = self._waiting[:size]
        self._waiting = self._waiting[size:]
        return bytes(chunk)

    @staticmethod
    def _new_frame() -> Any:
        return zstandard.ZstdDecompressor().decompressobj()


class _Utf16:
    """Text in UTF-16, read as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder(encoding)()
        self._is_start = True
        self._waiting = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._waiting and not self._ended:
            chunk = self._file.read(PIECE_BYTES)
            self._ended = not chunk
            try:
                text = self._decode.decode(chunk, final=self._ended)
            except UnicodeDecodeError:
                raise UserError(
                    "invalid_utf8", "The file is not UTF-16 to its end. Save it as UTF-8.", field="file"
                ) from None
            if self._is_start and text:
                text = text.removeprefix("\ufeff")
                self._is_start = False
            self._waiting = text.encode()
        chunk, self._waiting = self._waiting[:size], self._waiting[size:]
        return chunk
