"""The forms and file formats of a dataset, and how a row of each becomes a training row. Pure: web and trainer use it.

This is the front of `row_types.py` (the words), `normalise.py` (one row) and `rows.py` (the rows of a file).
"""

import hashlib

from finetune_app.datasets.row_types import (
    ROLES,
    BadRow,
    FileFormat,
    Message,
    Role,
    RowForm,
    Split,
    ToolMessage,
    TrainingRow,
)
from finetune_app.datasets.rows import read_rows

__all__ = [
    "ROLES",
    "BadRow",
    "FileFormat",
    "Message",
    "Role",
    "RowForm",
    "Split",
    "ToolMessage",
    "TrainingRow",
    "is_held_out",
    "read_rows",
]


def is_held_out(row: TrainingRow, *, share: float, seed: int, by_column: bool) -> bool:
    """Whether the row is kept out of training and scored instead; the same answer on every machine.

    Args:
        row: any good row.
        share: 0–1, how many of the rows are held out; not used with `by_column`.
        seed: another seed holds out other rows.
        by_column: rows of this file name their own split; a row that names none is trained on.
    """
    if by_column:
        return row.split is Split.HELD_OUT
    digest = hashlib.sha256(f"{seed}:{row.number}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
