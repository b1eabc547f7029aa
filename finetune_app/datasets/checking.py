"""From uploaded files to the one stored shape: every row looked at, counted and hashed. Pure; memory stays flat.

A version's file is JSONL in UTF-8, one object on each line, in one row form, without bad rows. A file that already is
that is read once and stored as it is; anything else is written anew, row by row.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from finetune_app.datasets.check_report import (
    Checked,
    CheckReport,
    form_or_refuse,
    refuse_bad_rows,
    refuse_columns,
    refuse_without_json,
)
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.rewriting import LINES_UNTIL_SURE, ROWS_PER_SIGN, OnRows, with_line, write_anew
from finetune_app.datasets.row_types import FileFormat, TrainingRow
from finetune_app.datasets.rows import BUFFER_BYTES, Lines, RowReader
from finetune_app.datasets.sources import NamedFile, Source, look_at
from finetune_app.datasets.tally import BAD_ROWS_KEPT, BAD_ROWS_SHOWN, Tally
from finetune_app.datasets.unpack import Readable

__all__ = ["BAD_ROWS_KEPT", "BAD_ROWS_SHOWN", "CheckReport", "Checked", "NamedFile", "Tally", "take_in"]

UNPACKED_LIMIT_BYTES = 20 * 1024**3


def take_in(
    files: Sequence[NamedFile],
    folder: Path,
    how: HowToRead | None = None,
    *,
    leave_out_bad_rows: bool = False,
    limit: int = UNPACKED_LIMIT_BYTES,
    on_rows: OnRows = lambda _: None,
) -> Checked:
    """Read the files, one after the other, and make of them the file to store.

    Args:
        files: at least one; they are read from their start.
        folder: where the stored file is written when it must be; the caller moves or deletes it.
        how: the person's choices.
        leave_out_bad_rows: keep the good rows of files that have bad ones.
        limit: bytes, of a packed file when it is unpacked and of all that is written.
        on_rows: told now and then how many rows were read; it may raise to stop.

    Raises:
        UserError: beside the field `file`: `bad_rows`, or they cannot be a dataset as a whole: `empty_file`,
            `zip_file`, `invalid_utf8`, `not_json`, `not_csv`, `not_parquet`, `row_too_long`, `damaged_file`,
            `unpacked_too_large`, `no_rows` or `no_good_rows`.
    """
    how = how or HowToRead()
    sources = [look_at(named, limit=limit) for named in files]
    for source in sources:
        if columns := source.columns_without_form(how):
            refuse_columns(columns)
    read_from = [{"name": source.named.name, "kind": source.words} for source in sources]
    if len(sources) == 1 and not how.columns and sources[0].is_plain_jsonl:
        report, is_stored_shape = _read_once(sources[0], how, on_rows)
        if report.tally.bad_count:
            refuse_bad_rows(report.tally, leave_out=leave_out_bad_rows)
        elif is_stored_shape:
            return Checked(report, None)
    return write_anew(
        sources, folder, how, read_from=read_from, leave_out=leave_out_bad_rows, limit=limit, on_rows=on_rows
    )


def _read_once(source: Source, how: HowToRead, on_rows: OnRows) -> tuple[CheckReport, bool]:
    """The pass over plain JSONL, and whether it may be stored as it is. It decides how fast most uploads are."""
    source.named.file.seek(0)
    hashed = _HashedFile(source.named.file)
    tally, reader = Tally(), RowReader(how)
    read, add = reader.from_bytes, tally.add
    with io.BufferedReader(hashed, BUFFER_BYTES) as buffered:
        lines = Lines(buffered)
        for number, line in enumerate(lines, start=1):
            row = read(number, line)
            if isinstance(row, TrainingRow):
                add(row)
            else:
                tally.add_bad(replace(row, reason=with_line(row.reason, number, lines)), line)
                if tally.bad_count == LINES_UNTIL_SURE:
                    refuse_without_json(tally, source.head)
            if number % ROWS_PER_SIGN == 0:
                on_rows(number)
    form = form_or_refuse(reader.form, tally, source.head)
    read_from = [{"name": source.named.name, "kind": source.words}]
    report = CheckReport(FileFormat.JSONL, form, hashed.digest.hexdigest(), hashed.size, tally, read_from)
    return report, lines.is_plain


class _HashedFile(io.RawIOBase):
    """The file, hashed and measured while it is read."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        """`io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes into `buffer`; how many."""
        chunk = self._file.read(len(buffer))
        self.digest.update(chunk)
        self.size += len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)
