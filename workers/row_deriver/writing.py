"""Writes the chosen rows in their new order, with their split where one is asked for."""

import mmap
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt

from finetune_app.datasets.derivation import SplitRows
from finetune_app.datasets.row_keys import Purpose, below_share
from finetune_app.datasets.row_types import Split
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure
from workers.progress import Progress
from workers.row_deriver.choosing import Candidates, Order

# The values of a row stay the bytes that they are: only `split` is put in.
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
SPLIT_VALUES = {split: msgspec.Raw(_encode(split)) for split in Split}


def write_rows(lines: Path, candidates: Candidates, chosen: Order, split: SplitRows | None, path: Path) -> None:
    """Write the chosen candidates, whose lines lie in the file `lines`, to `path`.

    Raises:
        ChildFailure: BAD_ROWS, no row has the column to split by.
    """
    if not len(chosen):
        path.touch()
        return
    sides = _Sides(candidates, split) if split else None
    starts = candidates.starts
    progress = Progress(Phase.SAVING, len(chosen))
    with (
        lines.open("rb") as source,
        path.open("wb") as file,
        mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as view,
    ):
        for place in chosen.tolist():
            end = starts[place + 1] if place + 1 < len(starts) else len(view)
            _write(file, view[starts[place] : end], sides, place)
            progress.add()
    if sides and sides.column and not sides.column_seen:
        raise ChildFailure(Cause.BAD_ROWS, f"No row has the column “{sides.column}” to split by.")


def _write(file: BinaryIO, line: bytes, sides: "_Sides | None", place: int) -> None:
    if sides is None:
        file.write(line)
        return
    row = _keys.decode(line)
    row["split"] = SPLIT_VALUES[sides.of(row, place)]
    file.write(_encode(row))
    file.write(b"\n")


class _Sides:
    """On which side of the split each row belongs."""

    def __init__(self, candidates: Candidates, split: SplitRows) -> None:
        self.column = split.column
        self.column_seen = False
        self._values = frozenset(split.held_out)
        self._by_lot: npt.NDArray[np.bool_] | None = None
        if split.share is not None:
            self._by_lot = below_share(candidates.lots(split.seed, Purpose.SPLIT), split.share)

    def of(self, row: dict[str, msgspec.Raw], place: int) -> Split:
        """The side of the candidate at `place`; a row without the column is trained on."""
        if self._by_lot is not None:
            return Split.HELD_OUT if self._by_lot[place] else Split.TRAIN
        raw = row.get(self.column or "")
        if raw is None:
            return Split.TRAIN
        self.column_seen = True
        return Split.HELD_OUT if _as_text(raw) in self._values else Split.TRAIN


def _as_text(raw: msgspec.Raw) -> str:
    """A text as it is; any other value as JSON writes it."""
    content = bytes(raw)
    return msgspec.json.decode(content, type=str) if content.startswith(b'"') else content.decode()
