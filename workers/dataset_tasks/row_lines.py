"""The good rows of a version in a run folder, each with the line that it was read from. Pure; memory stays flat."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from finetune_app.datasets.array_elements import split_array
from finetune_app.datasets.formats import BadRow, FileFormat, TrainingRow
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.rows import BOM, BUFFER_BYTES, ROW_LIMIT_BYTES, RowReader
from workers.dataset_tasks.rows_spec import RowsSpec

NEWLINES = bytes.maketrans(b"\r\n", b"  ")  # between the parts of a row; inside a text JSON writes them as \n


class RowLine(NamedTuple):
    """A good row, its JSON on one line without the newline, and at which byte of a JSONL file it begins."""

    row: TrainingRow
    line: bytes
    offset: int


def good_row_lines(spec: RowsSpec) -> Iterator[RowLine]:
    """The rows that can be trained on, in order, as `RowsSpec.good_rows` gives them."""
    left_out = frozenset(spec.bad_rows)
    read = RowReader(HowToRead(spec.row_form)).from_bytes
    for number, (offset, line) in enumerate(raw_lines(spec.rows_file, spec.file_format), start=1):
        row = read(number, line)
        if not isinstance(row, BadRow) and number not in left_out:
            yield RowLine(row, line, offset)


def raw_lines(path: Path, file_format: FileFormat) -> Iterator[tuple[int, bytes]]:
    """Every row, bad ones too, as offset and line.

    The elements of an array get the offsets that they have once each is written as a line. A line over the limit,
    which no good row has, comes as nothing.
    """
    with path.open("rb", buffering=BUFFER_BYTES) as file:
        if file_format is FileFormat.JSONL:
            offset = 0
            while line := file.readline(ROW_LIMIT_BYTES + 1):
                begin, offset = offset, offset + len(line)
                if begin == 0 and line.startswith(BOM):
                    begin, line = len(BOM), line[len(BOM) :]
                if line.isspace() or not line:
                    continue
                if len(line) > ROW_LIMIT_BYTES:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(BUFFER_BYTES)
                        offset += len(line)
                    line = b""
                yield begin + len(line) - len(line.lstrip()), line.strip()
            return
        offset = 0
        for element in split_array(file, chunk_bytes=BUFFER_BYTES, row_limit=ROW_LIMIT_BYTES):
            line = element.translate(NEWLINES)
            yield offset, line
            offset += len(line) + 1
