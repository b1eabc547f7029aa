"""Two versions of a dataset, row against row: which were added, removed, changed. Pure.

Rows are known by 64-bit keys and counted as often as they occur. A row of the older version and one of the newer that
have the same prompt and are otherwise different are one changed row. 16 bytes of keys are held for
each row.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from finetune_app.datasets.row_keys import Keys

Places = npt.NDArray[np.intp]

# Where a row lies: its number in the file, its first byte, and its length in bytes, without the end of the line.
PLACE = np.dtype([("number", "<u4"), ("start", "<u8"), ("length", "<u4")])
# The same of a changed row in both versions.
PAIR = np.dtype([("before", PLACE), ("after", PLACE)])


class Group(StrEnum):
    """What became of rows between two versions; each has a file of places, in the order of the rows."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class RowKeys:
    """The rows of one version in order: the key of each as a whole, and of its prompt (0: it has none)."""

    whole: Keys
    prompt: Keys


@dataclass(frozen=True)
class Differences:
    """Positions of rows, from 0, in the older and the newer version; those of changed rows belong together in order."""

    unchanged: int
    removed: Places
    added: Places
    changed_before: Places
    changed_after: Places


def compare_rows(before: RowKeys, after: RowKeys) -> Differences:
    """What differs between the two."""
    same_before, same_after = match(before.whole, after.whole)
    left_before, left_after = _others(len(before.whole), same_before), _others(len(after.whole), same_after)
    asked_before = left_before[before.prompt[left_before] != 0]
    asked_after = left_after[after.prompt[left_after] != 0]
    pairs_before, pairs_after = match(before.prompt[asked_before], after.prompt[asked_after])
    changed_before, changed_after = asked_before[pairs_before], asked_after[pairs_after]
    in_order = np.argsort(changed_after)
    return Differences(
        unchanged=len(same_before),
        removed=np.setdiff1d(left_before, changed_before, assume_unique=True),
        added=np.setdiff1d(left_after, changed_after, assume_unique=True),
        changed_before=changed_before[in_order],
        changed_after=changed_after[in_order],
    )


def match(first: Keys, second: Keys) -> tuple[Places, Places]:
    """Pairs of positions with equal keys; the nth of equal keys goes with the nth of the other side."""
    first_order, second_order = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
    first_sorted, second_sorted = first[first_order], second[second_order]
    rank = np.arange(len(first)) - np.searchsorted(first_sorted, first_sorted, side="left")
    start = np.searchsorted(second_sorted, first_sorted, side="left")
    found = start + rank < np.searchsorted(second_sorted, first_sorted, side="right")
    return first_order[found], second_order[(start + rank)[found]]


def _others(length: int, positions: Places) -> Places:
    rest = np.ones(length, np.bool_)
    rest[positions] = False
    return np.flatnonzero(rest)
