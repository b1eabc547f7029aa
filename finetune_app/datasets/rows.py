"""The rows of a file, one at a time: the lines of JSONL or the elements of one JSON array. Pure; memory stays flat."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from finetune_app.datasets.array_elements import split_array
from finetune_app.datasets.normalise import form_of, normalise
from finetune_app.datasets.row_types import BadRow, FileFormat, Message, RowForm, Split, TrainingRow

ROW_LIMIT_BYTES = 16 * 1024 * 1024
BUFFER_BYTES = 256 * 1024
BYTE = re.compile(r"\(byte (\d+)\)")
HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
BOM = b"\xef\xbb\xbf"


class _ChatRow(msgspec.Struct, gc=False):
    """The keys of a chat row that matter, in the usual shape; any other shape goes through `normalise`."""

    messages: list[Message]
    split: Split | None = None
    system: None = None
    tools: None = None


_chat = msgspec.json.Decoder(_ChatRow)
_anything = msgspec.json.Decoder(float_hook=float)  # 1e999 is no reason to refuse a row


def read_rows(path: Path, file_format: FileFormat, row_form: RowForm) -> Iterator[TrainingRow | BadRow]:
    """The rows of a checked file in order, numbered from 1; blank lines are no rows.

    Raises:
        UserError: a JSON array that breaks off or has a row over the limit; a checked file never does.
    """
    with path.open("rb", buffering=BUFFER_BYTES) as file:
        yield from RowReader(file, file_format, row_form)


class RowReader:
    """The rows of an open file; `form` is None until the first row that has one."""

    def __init__(self, file: BinaryIO, file_format: FileFormat, form: RowForm | None = None) -> None:
        self.form = form
        self._file = file
        self._format = file_format

    def __iter__(self) -> Iterator[TrainingRow | BadRow]:
        return self._read_lines() if self._format is FileFormat.JSONL else self._read_array()

    def _read_lines(self) -> Iterator[TrainingRow | BadRow]:
        number = line_number = 0
        readline = self._file.readline
        while line := readline(ROW_LIMIT_BYTES + 1):
            line_number += 1
            if line_number == 1:
                line = line.removeprefix(BOM)
            if line.isspace() or not line:
                continue
            number += 1
            row = self._from_bytes(number, line)
            if len(line) > ROW_LIMIT_BYTES:
                self._skip_rest(line)
            if number != line_number and type(row) is BadRow:
                row = BadRow(number, f"{row.reason} (Line {line_number} of the file.)", row.code)
            yield row

    def _skip_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._file.readline(BUFFER_BYTES)

    def _from_bytes(self, number: int, line: bytes) -> TrainingRow | BadRow:
        if len(line) > ROW_LIMIT_BYTES:
            return BadRow(number, f"The row is longer than {ROW_LIMIT_BYTES // 2**20} MiB.", "too_long")
        try:
            if not line.isascii():
                line.decode()  # msgspec does not look into the keys that it skips
            if self.form is RowForm.CHAT and (row := _usual_chat(number, line)):
                return row
            value = _anything.decode(line)
        except UnicodeDecodeError:
            return _invalid_utf8(number, line)
        except msgspec.DecodeError as error:
            return BadRow(number, f"The row is not JSON: {_malformed(error, line)}.", "not_json")
        except RecursionError:
            return BadRow(number, "The row is nested too deeply.", "too_deep")
        return self._from_value(number, value)

    def _from_value(self, number: int, value: object) -> TrainingRow | BadRow:
        if self.form is None:
            self.form = form_of(value)
        return normalise(number, value, self.form)

    def _read_array(self) -> Iterator[TrainingRow | BadRow]:
        elements = split_array(self._file, chunk_bytes=BUFFER_BYTES, row_limit=ROW_LIMIT_BYTES)
        for number, element in enumerate(elements, start=1):
            yield self._from_bytes(number, element)


def _usual_chat(number: int, line: bytes) -> TrainingRow | None:
    """The row when it is a plain good chat row; None asks `normalise`, which knows the unusual and the reasons."""
    try:
        row = _chat.decode(line)
    except msgspec.DecodeError:
        return None
    messages = row.messages
    if len(messages) < 2:  # noqa: PLR2004 - a question and an answer
        return None
    last = messages.pop()
    if last.role != "assistant" or not last.content or last.content.isspace():
        return None
    for message in messages:
        if message.content and not message.content.isspace():
            return TrainingRow(number, messages, last.content, "", row.split)
    return None


def _invalid_utf8(number: int, line: bytes) -> BadRow:
    try:
        line.decode()
        offset = 0
    except UnicodeDecodeError as error:
        offset = error.start
    return BadRow(number, f"The row is not UTF-8: byte {offset + 1} of the line cannot be read.", "invalid_utf8")


def _malformed(error: msgspec.DecodeError, line: bytes) -> str:
    """“invalid character at byte 12”, or that the row ends too early."""
    text = str(error)
    if "truncated" not in text:
        return BYTE.sub(lambda found: f"at byte {int(found[1]) + 1}", text.removeprefix("JSON is malformed: "))
    if HALF_PAIR.search(line):  # msgspec says the same of both
        return "it ends in the middle, or an escape like \\ud83d stands without its other half"
    return "it ends in the middle"
