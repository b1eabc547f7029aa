"""The rows of CSV and TSV: each an object of its columns. Pure; memory stays flat."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from finetune_app.datasets import rows
from finetune_app.datasets.file_kinds import refusal
from finetune_app.datasets.row_types import BadRow

csv.field_size_limit(rows.ROW_LIMIT_BYTES)  # the limit belongs to the whole process; the library's own is 128 KiB
LISTS = frozenset({"messages", "conversations", "tools", "history"})  # cells that hold JSON
PERHAPS_LISTS = frozenset({"prompt", "completion", "chosen", "rejected"})  # a text, or messages as JSON
LABEL = "label"
LONE_HALF = re.compile("[\udc80-\udcff]")
LABELS = {"true": True, "false": False}


def read_table(file: BinaryIO, delimiter: str, columns: dict[str, str]) -> Iterator[dict[str, Any] | BadRow]:
    """The records after the header, bad ones with the number 0 and their text; blank lines are none.

    Args:
        file: in UTF-8.
        delimiter: between two cells.
        columns: which column stands for which key; their cells are read as that key's.

    Raises:
        UserError: `not_csv` or `row_too_long`, beside the field `file`.
    """
    lines = _RecordLines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(reader)
    keys = {column: key for key, column in columns.items()}
    while True:
        lines.forget()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if lines.ended:
                raise refusal(
                    "not_csv", f"A quotation mark that opens in line {lines.first} is never closed. Close it."
                ) from None
            reason = f"The row is not {_name(delimiter)}: {error}. (Line {lines.first} of the file.)"
            yield BadRow(0, reason, "not_csv", lines.text())
            continue
        if cells is None:
            return
        if not cells:
            continue
        yield _row(header, cells, keys, lines)


def header_row(file: BinaryIO, delimiter: str) -> dict[str, Any]:
    """The columns as the keys of an empty row.

    Raises:
        UserError: `not_csv` or `row_too_long`.
    """
    return dict.fromkeys(_header(csv.reader(_RecordLines(file), delimiter=delimiter, strict=True)), "")


def _header(reader: Any) -> list[str]:
    try:
        header: list[str] = next((record for record in reader if record), [])
    except csv.Error as error:
        raise refusal("not_csv", f"The header cannot be read: {error}. Mend the first line.") from None
    twice = [cell for cell in header if header.count(cell) > 1]
    if twice:
        raise refusal("not_csv", f"Two columns are called “{twice[0]}”. Give each its own name in the first line.")
    if any(_has_lone_half(cell) for cell in header):
        raise refusal("invalid_utf8", "The header is not UTF-8. Save the file as UTF-8.")
    return header


def _row(header: list[str], cells: list[str], keys: dict[str, str], lines: "_RecordLines") -> dict[str, Any] | BadRow:
    if any(not cell.isascii() and _has_lone_half(cell) for cell in cells):
        return BadRow(0, f"The row is not UTF-8. (Line {lines.first} of the file.)", "invalid_utf8", lines.text())
    if len(cells) != len(header):
        reason = f"The header has {len(header)} cells, but the row {len(cells)}. (Line {lines.first} of the file.)"
        return BadRow(0, reason, "not_csv", lines.text())
    return {column: _value(keys.get(column, column), cell) for column, cell in zip(header, cells, strict=True)}


def _value(key: str, cell: str) -> Any:
    """A cell is text, but for lists of messages and labels: CSV has no other way to write them."""
    if key == LABEL:
        return LABELS.get(cell.lower(), cell)
    if (key in LISTS or key in PERHAPS_LISTS) and cell.lstrip().startswith(("[", "{")):
        try:
            value = msgspec.json.decode(cell)
        except (msgspec.DecodeError, RecursionError):
            return cell
        if key in LISTS or _is_messages(value):
            return value
    return cell


def _is_messages(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, dict) and ("role" in item or "from" in item) for item in items)


def _has_lone_half(text: str) -> bool:
    """Whether some byte was not UTF-8: the decoder leaves half a surrogate pair in its place."""
    return LONE_HALF.search(text) is not None


def _name(delimiter: str) -> str:
    return "TSV" if delimiter == "\t" else "CSV"


class _RecordLines:
    """The lines of a file for the csv module, which joins them to records; keeps those of the record at hand.

    Attributes:
        first: number of the record's first line.
        ended: the file has no more lines.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        self._kept: list[str] = []
        self._length = 0
        self._number = 0
        self.first = 1
        self.ended = False

    def __iter__(self) -> "_RecordLines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(rows.ROW_LIMIT_BYTES + 1)
        if not line:
            self.ended = True
            raise StopIteration
        self._number += 1
        self._length += len(line)
        if self._length > rows.ROW_LIMIT_BYTES:
            raise refusal(
                "row_too_long",
                f"The row from line {self.first} on is longer than {rows.ROW_LIMIT_BYTES // 2**20} MiB, or a quotation "
                "mark in it is not closed.",
            )
        self._kept.append(line)
        return line

    def forget(self) -> None:
        """The next record begins."""
        self._kept.clear()
        self._length = 0
        self.first = self._number + 1

    def text(self) -> str:
        """The record as it was written; what is not UTF-8 is shown as �."""
        joined = "".join(self._kept)
        return joined.encode(errors="surrogateescape").decode(errors="replace")
