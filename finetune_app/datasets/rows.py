"""The rows of a file, one at a time: the lines of JSONL or the elements of one JSON array. Pure; memory stays flat."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from finetune_app.datasets.array_elements import split_array
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.normalise import form_of, normalise
from finetune_app.datasets.row_types import SPLIT_NAMES, BadRow, FileFormat, Message, RowForm, TrainingRow

ROW_LIMIT_BYTES = 16 * 1024 * 1024
BUFFER_BYTES = 256 * 1024
BYTE = re.compile(r"\(byte (\d+)\)")
HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
BOM = b"\xef\xbb\xbf"


class _ChatRow(msgspec.Struct, gc=False):
    """The keys of a chat row that matter, in the usual shape; any other shape goes through `normalise`."""

    messages: list[Message]
    split: str | None = None
    system: None = None
    tools: None = None


class _OnlyChat(_ChatRow, gc=False, forbid_unknown_fields=True):
    """A chat row without other keys. msgspec reads every byte of it, so that no second look at its UTF-8 is needed."""


_chat = msgspec.json.Decoder(_ChatRow)
_only_chat = msgspec.json.Decoder(_OnlyChat)
_anything = msgspec.json.Decoder(float_hook=float)  # 1e999 is no reason to refuse a row


def read_rows(path: Path, file_format: FileFormat, row_form: RowForm) -> Iterator[TrainingRow | BadRow]:
    """The rows of a stored file in order, numbered from 1; blank lines are no rows.

    Raises:
        UserError: a JSON array that breaks off or has a row over the limit; a checked file never does.
    """
    with path.open("rb", buffering=BUFFER_BYTES) as file:
        read = RowReader(HowToRead(row_form)).from_bytes
        for number, record in enumerate(split(file, file_format), start=1):
            yield read(number, record)


def split(file: BinaryIO, file_format: FileFormat) -> Iterator[bytes]:
    """The bytes of each row of a file in UTF-8.

    Raises:
        UserError: a JSON array that cannot be told apart.
    """
    if file_format is FileFormat.JSONL:
        return iter(Lines(file))
    return split_array(file, chunk_bytes=BUFFER_BYTES, row_limit=ROW_LIMIT_BYTES)


class Lines:
    """The lines of a file that are not blank; of one over the limit only the beginning, one byte over it.

    Attributes:
        number: of the last line, from 1, blank ones counted.
        is_plain: no byte order mark, no CRLF in the first line and no blank line so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0
        self.is_plain = True

    def __iter__(self) -> Iterator[bytes]:
        readline = self._file.readline
        while line := readline(ROW_LIMIT_BYTES + 1):
            self.number += 1
            if self.number == 1:
                self.is_plain = not (line.startswith(BOM) or line.endswith(b"\r\n"))
                line = line.removeprefix(BOM)
            if line.isspace() or not line:
                self.is_plain = False
                continue
            yield line
            if len(line) > ROW_LIMIT_BYTES:
                self._skip_rest(line)

    def _skip_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._file.readline(BUFFER_BYTES)


class RowReader:
    """Makes rows of what a file holds; `form` is None until the first row that has one."""

    def __init__(self, how: HowToRead | None = None) -> None:
        how = how or HowToRead()
        self.form = how.form
        self._columns = how.columns
        self._decoder: msgspec.json.Decoder[_OnlyChat] | msgspec.json.Decoder[_ChatRow] = _only_chat

    def from_bytes(self, number: int, line: bytes) -> TrainingRow | BadRow:
        """Row `number`, written as JSON."""
        if len(line) > ROW_LIMIT_BYTES:
            return BadRow(number, f"The row is longer than {ROW_LIMIT_BYTES // 2**20} MiB.", "too_long")
        try:
            if self.form is RowForm.CHAT and not self._columns and (row := self._usual_chat(number, line)):
                return row
            if not line.isascii():
                line.decode()
            value = _anything.decode(line)
        except UnicodeDecodeError:
            return _invalid_utf8(number, line)
        except msgspec.DecodeError as error:
            return BadRow(number, f"The row is not JSON: {_malformed(error, line)}.", "not_json")
        except RecursionError:
            return BadRow(number, "The row is nested too deeply.", "too_deep")
        return self.from_value(number, value)

    def from_value(self, number: int, value: object) -> TrainingRow | BadRow:
        """Row `number`, decoded."""
        if self._columns and isinstance(value, Mapping):
            value = with_columns(value, self._columns)
        if self.form is None:
            self.form = form_of(value)
        return normalise(number, value, self.form)

    def _usual_chat(self, number: int, line: bytes) -> TrainingRow | None:
        """The row when it is a plain good chat row; None asks `normalise`, which knows the unusual and the reasons."""
        try:
            row = self._decoder.decode(line)
        except msgspec.DecodeError:
            if self._decoder is _chat:
                return None
            try:
                row = _chat.decode(line)
            except msgspec.DecodeError:
                return None
            self._decoder = _chat  # the rows of this file have other keys too
        if self._decoder is _chat and not line.isascii():
            line.decode()  # msgspec does not look into the keys that it skips
        messages = row.messages
        if len(messages) < 2:  # noqa: PLR2004 - a question and an answer
            return None
        last = messages.pop()
        if last.role != "assistant" or not last.content or last.content.isspace():
            return None
        part = None
        if row.split and (part := SPLIT_NAMES.get(row.split)) is None:
            return None
        for message in messages:
            if message.content and not message.content.isspace():
                return TrainingRow(number, messages, last.content, "", part)
        return None


def with_columns(value: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The row with the keys that the columns stand for; a column that stands for one is not there any more."""
    chosen = {key: value[column] for key, column in columns.items() if column in value}
    used = {column for column in columns.values() if column in value}
    return chosen | {key: item for key, item in value.items() if key not in used and key not in chosen}


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
