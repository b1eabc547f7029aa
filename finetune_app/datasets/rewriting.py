"""Writes the rows of any files anew as JSONL: good rows as they were, bad ones left out and listed. Pure."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from finetune_app.datasets.check_report import (
    Checked,
    CheckReport,
    form_or_refuse,
    refuse_bad_rows,
    refuse_without_json,
)
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.row_types import BadRow, FileFormat
from finetune_app.datasets.rows import Lines, RowReader, with_columns
from finetune_app.datasets.sources import Record, Source
from finetune_app.datasets.tally import Tally
from finetune_app.errors import UserError

LINES_UNTIL_SURE = 20  # so many first lines, none of them JSON: the file is something else
ROWS_PER_SIGN = 10_000
OnRows = Callable[[int], None]

_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])


def write_anew(
    sources: Sequence[Source],
    folder: Path,
    how: HowToRead,
    *,
    read_from: list[dict[str, str]],
    leave_out: bool,
    limit: int,
    on_rows: OnRows,
) -> Checked:
    """Write the good rows of the files, in order, into a new file in `folder`; see `checking.take_in`.

    Raises:
        UserError: as `take_in`; no file is left then.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix="rows-", suffix=".jsonl", delete=False) as file:
        path = Path(file.name)
        try:
            rewriting = _Rewriting(how, _Writer(file, limit), Tally(), RowReader(HowToRead(how.form)), on_rows)
            for source in sources:
                name = source.named.name if len(sources) > 1 else ""
                rewriting.add_all(source, folder, name)
            tally, out = rewriting.tally, rewriting.out
            form = form_or_refuse(rewriting.reader.form, tally, sources[0].head)
            if tally.bad_count:
                refuse_bad_rows(tally, leave_out=leave_out)
        except BaseException:
            path.unlink()
            raise
    return Checked(CheckReport(FileFormat.JSONL, form, out.digest.hexdigest(), out.size, tally, read_from), path)


@dataclass(frozen=True)
class _Rewriting:
    how: HowToRead
    out: "_Writer"
    tally: Tally
    reader: RowReader
    on_rows: OnRows

    def add_all(self, source: Source, folder: Path, file_name: str) -> None:
        """Take the rows of one file; bad ones are numbered as they are in it."""
        records = source.records(self.how, folder)
        for number, record in enumerate(records, start=1):
            self._add(number, record, records if isinstance(records, Lines) else None, file_name)
            if self.tally.bad_count == LINES_UNTIL_SURE:
                refuse_without_json(self.tally, source.head)
            if number % ROWS_PER_SIGN == 0:
                self.on_rows(self.tally.rows + self.tally.bad_count)

    def _add(self, number: int, record: Record, lines: Lines | None, file_name: str) -> None:
        if isinstance(record, BadRow):
            self.tally.add_bad(BadRow(number, record.reason, record.code, file=file_name), record.text)
            return
        line = _as_json(record, self.how.columns)
        row = self.reader.from_bytes(self.tally.rows + 1, line)
        if isinstance(row, BadRow):
            reason = with_line(row.reason, number, lines)
            self.tally.add_bad(BadRow(number, reason, row.code, file=file_name, keys=row.keys), line)
        else:
            self.tally.add(row)
            # The lines of an array's element are joined; all else stays as it was written.
            self.out.add(msgspec.json.format(line, indent=-1) if b"\n" in line else line)


def with_line(reason: str, number: int, lines: Lines | None) -> str:
    """The reason, with the number of the line where that is another one than the row's."""
    return reason if lines is None or lines.number == number else f"{reason} (Line {lines.number} of the file.)"


def _as_json(record: bytes | dict[str, Any], columns: dict[str, str]) -> bytes:
    """The row as JSON, its columns under the keys that they stand for."""
    if isinstance(record, dict):
        return msgspec.json.encode(with_columns(record, columns), enc_hook=str)
    if not columns:
        return record.strip()
    try:
        parts = _parts.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return record.strip()  # no object at all; the reader says why
    return msgspec.json.encode(with_columns(parts, columns))


class _Writer:
    """Writes lines, hashed and measured."""

    def __init__(self, file: Any, limit: int) -> None:
        self._file = file
        self._limit = limit
        self.digest = hashlib.sha256()
        self.size = 0

    def add(self, line: bytes) -> None:
        """Write one line.

        Raises:
            UserError: `unpacked_too_large`.
        """
        line += b"\n"
        self.digest.update(line)
        self.size += len(line)
        if self.size > self._limit:
            raise UserError(
                "unpacked_too_large",
                f"Written as JSONL, the rows are larger than the limit of {self._limit // 2**20:,} MiB. Split them.",
                field="file",
                status=413,
            )
        self._file.write(line)
