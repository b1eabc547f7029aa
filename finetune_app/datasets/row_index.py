"""The index of a dataset version's rows: one record of fixed width for each good row, in the order of the file. Pure.

It is a plain `.npy` file that is memory-mapped when it is read, so that a page of a million rows costs a few
kilobytes. The position of a record (from 0) is what `row_search.py` knows a row by; `number` is the row's number in
the file, which differs from it where bad rows were left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from finetune_app.datasets.row_types import Split, TrainingRow

RECORD = np.dtype(
    [
        ("offset", "<u8"),  # of the row's first byte in the file
        ("hash", "<u8"),  # of the row's content without its number: equal rows have equal hashes
        ("length", "<u4"),  # bytes, without the line's end
        ("number", "<u4"),
        ("characters", "<u4"),  # of all texts of the row
        ("answer_characters", "<u4"),  # of what is learned: the answer, or the whole plain text
        ("messages", "<u4"),  # with the answer; 0 for plain text
        ("by_length", "<u4"),  # not about this row: the position of the row that is nth shortest
        ("split", "u1"),  # a place in SPLITS
    ]
)
SPLITS: tuple[Split | None, ...] = (None, Split.TRAIN, Split.HELD_OUT)
NOT_TEXT = frozenset({"role", "split", "number", "tool_call_id"})  # keys whose values are no words of the row

Records = npt.NDArray[np.void]
Positions = npt.NDArray[np.int64]
_encoder = msgspec.json.Encoder()


class Sort(StrEnum):
    """The order in which rows are looked at."""

    FILE = "file"
    LONGEST = "longest"
    SHORTEST = "shortest"


@dataclass(frozen=True)
class RowFilter:
    """Which rows are wanted; None wants all. Lengths are characters of all texts of a row, both ends included."""

    split: Split | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    messages: int | None = None

    @property
    def wants_all(self) -> bool:
        """True when nothing is left out."""
        return self == RowFilter()


def texts_of(row: TrainingRow) -> list[str]:
    """Every text of the row, in order, whatever its form: contents, answers, arguments of tools; no roles, no keys."""
    return list(_texts(msgspec.to_builtins(row)))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            if value:
                yield value
        case int() | float() if not isinstance(value, bool):
            yield str(value)
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for key, item in value.items():
                if key not in NOT_TEXT:
                    yield from _texts(item)


def content_hash(row: TrainingRow) -> int:
    """64 bits that are the same for rows of the same content, whatever their numbers."""
    content = _encoder.encode(msgspec.structs.replace(row, number=0))
    return int.from_bytes(blake2b(content, digest_size=8).digest())


def record_of(row: TrainingRow, texts: list[str], *, offset: int, length: int) -> tuple[int, ...]:
    """The record of a row whose bytes lie at `offset`; `by_length` is filled in when all rows are known."""
    return (
        offset,
        content_hash(row),
        length,
        row.number,
        sum(map(len, texts)),
        len(row.completion or row.text),
        len(row.prompt) + 1 if row.prompt or row.completion else 0,
        0,
        SPLITS.index(row.split),
    )


def load_index(path: Path) -> Records:
    """The records of an index file, memory-mapped.

    Raises:
        ValueError: it is no index of this layout.
    """
    records: Records = np.load(path, mmap_mode="r", allow_pickle=False)
    if records.dtype != RECORD:
        raise ValueError(f"{path.name} has another layout: {records.dtype}")
    return records


def wanted_positions(
    records: Records, wanted: RowFilter, sort: Sort, found: Positions | None = None
) -> Positions | range:
    """The positions of the wanted rows in the wanted order.

    Args:
        records: the index.
        wanted: what a row must have.
        sort: the order; rows of one length stand as in the file, or the other way round with the longest first.
        found: positions in ascending order among which to choose; None: all.
    """
    if found is None and wanted.wants_all:
        if sort is Sort.FILE:
            return range(len(records))
        return _ordered(records, sort).astype(np.int64)
    keep = _mask(records, wanted)
    if found is not None:
        among = np.zeros(len(records), np.bool_)
        among[found] = True
        keep &= among
    if sort is Sort.FILE:
        return np.flatnonzero(keep)
    order = _ordered(records, sort)
    return order[keep[order]].astype(np.int64)


def _ordered(records: Records, sort: Sort) -> npt.NDArray[np.uint32]:
    order: npt.NDArray[np.uint32] = records["by_length"]
    return order[::-1] if sort is Sort.LONGEST else order


def _mask(records: Records, wanted: RowFilter) -> npt.NDArray[np.bool_]:
    keep = np.ones(len(records), np.bool_)
    if wanted.split is not None:
        keep &= records["split"] == SPLITS.index(wanted.split)
    if wanted.min_chars is not None:
        keep &= records["characters"] >= wanted.min_chars
    if wanted.max_chars is not None:
        keep &= records["characters"] <= wanted.max_chars
    if wanted.messages is not None:
        keep &= records["messages"] == wanted.messages
    return keep


def position_of(records: Records, number: int) -> int | None:
    """Where the row with this number stands; None when it was left out or there is none."""
    numbers = records["number"]
    position = int(np.searchsorted(numbers, number)) if number >= 0 else len(records)
    return position if position < len(records) and int(numbers[position]) == number else None
