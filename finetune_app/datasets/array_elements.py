"""The elements of one JSON array, each as its own bytes, without holding the array. Pure.

The standard library's decoder finds where an element ends; what it is worth is decided where lines are, in `rows.py`.
Not ijson: it keeps the whole path of every level, so 100 kB of “[” cost it gigabytes.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from finetune_app.errors import UserError

BOM = "\ufeff"
BLANKS = re.compile(r"[ \t\r\n]*")
# Where a text ends too early, the decoder points at most this far before its end, or at the start of an open string.
LONGEST_LITERAL = len("-Infinity")
EARLY_END = "the file ends too early"
SHOWN_CHARACTERS = 30
OPEN_STRING = "Unterminated string"

_decoder = json.JSONDecoder(parse_int=str, parse_float=str)  # numbers are not looked at; long ones are slow to read


def split_array(file: BinaryIO, *, chunk_bytes: int, row_limit: int) -> Iterator[bytes]:
    """The bytes of each element; the file begins with “[”, after blanks at most.

    Raises:
        UserError: the rest cannot be told apart: `not_json`, `invalid_utf8`, `row_too_long` (over `row_limit`
            characters), beside the field `file`.
    """
    text = _Text(file, chunk_bytes)
    if text.skip_blanks() == BOM:
        text.take()
    if text.skip_blanks() != "[":
        raise _broken(0, "it does not begin with “[”")
    text.take()
    number = 0
    if text.skip_blanks() == "]":
        text.take()
    else:
        mark = ","
        while mark == ",":
            yield _element(text, number, row_limit)
            number += 1
            mark = text.skip_blanks()
            if mark not in {",", "]"}:
                raise _broken(number, f"there is “{mark}” where a comma or “]” should be" if mark else EARLY_END)
            text.take()
            text.skip_blanks()
    if text.skip_blanks():
        raise _broken(number, "something follows after the end of the array")


class _Text:
    """The file as text, a piece of it at a time; `start` is where reading stands in `piece`."""

    def __init__(self, file: BinaryIO, chunk_bytes: int) -> None:
        self._file = file
        self._chunk_bytes = chunk_bytes
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._bytes_read = 0
        self.piece = ""
        self.start = 0
        self.ended = False

    def more(self) -> bool:
        """Read on, as much again as is waiting; False at the end of the file."""
        chunk = b"" if self.ended else self._file.read(max(self._chunk_bytes, len(self.piece) - self.start))
        self.ended = not chunk
        before = self._bytes_read - len(self._decode.getstate()[0])
        try:
            self.piece = self.piece[self.start :] + self._decode.decode(chunk, final=self.ended)
        except UnicodeDecodeError as error:
            raise UserError(
                "invalid_utf8",
                f"The file is not UTF-8: byte {before + error.start + 1} cannot be read. Save it as UTF-8.",
                field="file",
            ) from None
        self.start = 0
        self._bytes_read += len(chunk)
        return not self.ended

    def skip_blanks(self) -> str:
        """Go to the next character that is none, and show it; "" at the end."""
        while True:
            blanks = BLANKS.match(self.piece, self.start)
            self.start = blanks.end() if blanks else self.start
            if self.start < len(self.piece):
                return self.piece[self.start]
            if not self.more():
                return ""

    def take(self) -> None:
        """Go past one character."""
        self.start += 1


def _element(text: _Text, number: int, row_limit: int) -> bytes:
    while True:
        try:
            _, end = _decoder.raw_decode(text.piece, text.start)
        except json.JSONDecodeError as error:
            open_ended = error.msg.startswith(OPEN_STRING) or error.pos >= len(text.piece) - LONGEST_LITERAL
            if text.ended or not open_ended:
                raise _broken(number, _complaint(error)) from None
        except RecursionError:
            raise _broken(number, "the next row is nested too deeply") from None
        else:
            if end < len(text.piece) or text.ended:  # else a number may go on
                element = text.piece[text.start : end].encode()
                text.start = end
                return element
        if len(text.piece) - text.start > row_limit:
            raise UserError(
                "row_too_long",
                f"Row {number + 1} is longer than {row_limit // 2**20} MiB, or a quotation mark in it is not closed.",
                field="file",
            )
        text.more()


def _complaint(error: json.JSONDecodeError) -> str:
    """“expecting ',' delimiter at “"b": 2}””, with as much of the text as helps to find the place."""
    if error.msg.startswith(OPEN_STRING) or not error.doc[error.pos :].strip():
        return EARLY_END
    said = error.msg[0].lower() + error.msg[1:].removesuffix(" at").removesuffix(": ")
    place = " ".join(error.doc[error.pos : error.pos + SHOWN_CHARACTERS].split())
    return f"{said} at “{place}”"


def _broken(number: int, reason: str) -> UserError:
    where = f"after row {number}" if number else "from its first row on"
    return UserError("not_json", f"The JSON array cannot be read {where}: {reason}.", field="file")
