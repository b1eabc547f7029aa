"""The check of an uploaded file: one pass that hashes, counts and looks at every row. Pure; memory stays flat."""

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any, Protocol

from finetune_app.datasets.file_kinds import HEAD_BYTES, HOW, guess_at, refusal, refuse_other_kinds
from finetune_app.datasets.preview import bad_row_details, preview
from finetune_app.datasets.row_types import BadRow, FileFormat, RowForm, Split, TrainingRow
from finetune_app.datasets.rows import BOM, BUFFER_BYTES, RowReader
from finetune_app.errors import UserError

BAD_ROWS_KEPT = 10_000
BAD_ROWS_SHOWN = 200
FIRST_ROWS = 10
BLANKS = b" \t\r\n"
LINES_UNTIL_SURE = 20  # so many first lines, none of them JSON: the file is something else


class Readable(Protocol):
    """What the check needs of a file: an `UploadedFile` has it, and so has any file opened in binary mode."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""

    def seek(self, offset: int, /) -> object:
        """Go to a byte."""


@dataclass
class Tally:
    """The counts while the rows go by; `bad_rows` keeps the first `BAD_ROWS_KEPT` of `bad_count`."""

    rows: int = 0
    train_rows: int = 0
    held_out_rows: int = 0
    bad_count: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    first_rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: TrainingRow | BadRow) -> None:
        """Count one row."""
        if type(row) is TrainingRow:
            self.rows += 1
            self.train_rows += row.split is Split.TRAIN
            self.held_out_rows += row.split is Split.HELD_OUT
            if len(self.first_rows) < FIRST_ROWS:
                self.first_rows.append(preview(row))
        elif type(row) is BadRow:
            self.bad_count += 1
            if len(self.bad_rows) < BAD_ROWS_KEPT:
                self.bad_rows.append(row)


@dataclass(frozen=True)
class CheckReport:
    """A file that can be a dataset version: `tally.rows` good rows (at least one) and `tally.bad_count` bad ones."""

    file_format: FileFormat
    row_form: RowForm
    sha256: str
    size: int
    tally: Tally


def check(file: Readable) -> CheckReport:
    """Read the file once, from its start, and report.

    Raises:
        UserError: the file as a whole cannot be a dataset: `empty_file`, `zip_file`, `invalid_utf8`, `not_json`,
            `row_too_long`, `no_rows` or `no_good_rows`, beside the field `file`.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    refuse_other_kinds(head)
    file_format = _file_format(file)
    file.seek(0)
    source = _HashedFile(file)
    tally = Tally()
    with io.BufferedReader(source, BUFFER_BYTES) as buffered:
        reader = RowReader(buffered, file_format)
        for row in reader:
            tally.add(row)
            if tally.bad_count == LINES_UNTIL_SURE and tally.rows == 0:
                _refuse_without_json(tally, head)
        if reader.form is None or tally.rows == 0:
            _refuse_without_json(tally, head)
            raise _no_good_rows(tally)
        return CheckReport(file_format, reader.form, source.digest.hexdigest(), source.size, tally)


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


def _file_format(file: Readable) -> FileFormat:
    """An array begins with “[”; everything else is read line by line."""
    file.seek(0)
    start = file.read(HEAD_BYTES).removeprefix(BOM).lstrip(BLANKS)
    while not start and (chunk := file.read(BUFFER_BYTES)):
        start = chunk.lstrip(BLANKS)
    return FileFormat.JSON if start.startswith(b"[") else FileFormat.JSONL


def _refuse_without_json(tally: Tally, head: bytes) -> None:
    """Refuse a file of which no line so far is JSON."""
    if not tally.bad_rows or any(row.code != "not_json" for row in tally.bad_rows):
        return
    guess = guess_at(head.removeprefix(BOM).lstrip().partition(b"\n")[0])
    parts = ["No line of the file is JSON.", tally.bad_rows[0].reason, guess, HOW]
    raise refusal("not_json", " ".join(filter(None, parts)))


def _no_good_rows(tally: Tally) -> UserError:
    if not tally.bad_rows:
        return refusal("no_rows", "The file has no rows.")
    first = tally.bad_rows[0]
    return UserError(
        "no_good_rows",
        f"None of the {tally.bad_count:,} rows can be trained on. Row {first.number}: {first.reason}",
        field="file",
        details=bad_row_details(tally.bad_rows[:BAD_ROWS_SHOWN]),
    )
