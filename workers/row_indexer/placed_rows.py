"""The good rows of a version with the place of their bytes. Rows of a JSON array get a JSONL file to lie in."""

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from finetune_app.datasets.array_elements import split_array
from finetune_app.datasets.formats import FileFormat, TrainingRow
from finetune_app.datasets.rows import BOM, BUFFER_BYTES, ROW_LIMIT_BYTES
from workers.dataset_tasks.rows_spec import RowsSpec


class PlacedRow(NamedTuple):
    """A row and where its bytes lie, without the line's end."""

    row: TrainingRow
    offset: int
    length: int


class _Place(NamedTuple):
    number: int
    offset: int
    length: int


def placed_rows(spec: RowsSpec, own_rows_file: Path) -> Iterator[PlacedRow]:
    """The good rows in order. `own_rows_file` is written when the rows have no lines of their own.

    The readers of the rows do not say where a row lies, so the lines are counted beside them: a second look at bytes
    that the system has just read.
    """
    is_lines = spec.file_format is FileFormat.JSONL
    places = _lines(spec.rows_file) if is_lines else _written_lines(spec.rows_file, own_rows_file)
    with closing(places):  # whatever comes after the last good row is not looked at
        for row in spec.good_rows():
            place = next(place for place in places if place.number == row.number)
            yield PlacedRow(row, place.offset, place.length)


def _lines(path: Path) -> Generator[_Place]:
    """Every line that is a row, numbered as `read_rows` does."""
    number = offset = 0
    with path.open("rb", buffering=BUFFER_BYTES) as file:
        while line := file.readline(ROW_LIMIT_BYTES + 1):
            start = len(BOM) if offset == 0 and line.startswith(BOM) else 0
            if line[start:].strip():
                number += 1
                yield _Place(number, offset + start, len(line.rstrip(b"\r\n")) - start)
            offset += len(line)
            is_cut = len(line) > ROW_LIMIT_BYTES
            while is_cut and line and not line.endswith(b"\n"):
                line = file.readline(BUFFER_BYTES)
                offset += len(line)


def _written_lines(path: Path, lines_file: Path) -> Generator[_Place]:
    """Every element of the array, written as a line of its own; one that is no JSON keeps its number only."""
    offset = 0
    with path.open("rb") as file, lines_file.open("wb", buffering=BUFFER_BYTES) as lines:
        elements = split_array(file, chunk_bytes=BUFFER_BYTES, row_limit=ROW_LIMIT_BYTES)
        for number, element in enumerate(elements, start=1):
            line = _one_line(element)
            start, offset = offset, offset + lines.write(line + b"\n")
            yield _Place(number, start, len(line))


def _one_line(element: bytes) -> bytes:
    try:
        return msgspec.json.format(element, indent=-1)
    except msgspec.DecodeError:
        return b""
