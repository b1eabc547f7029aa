"""Near duplicates by locality-sensitive hashing: only rows that share a band of their signature are compared.

21 bands of 6 values: a pair with 80 % of its shingles in common shares a band with a probability of 99.8 %, one with
30 % of 1.5 %; each candidate is then judged by the whole signature.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workers.findings.groups import Groups
from workers.findings.signatures import Rows, Signatures

BANDS, WIDTH = 21, 6
THRESHOLD = 0.8
ROUNDS = 8  # how many rows of one bucket the others are compared with
PROBES = 8  # how many held-out rows of one bucket a training row is compared with

Tell = Callable[[int, int], None]


def near_groups(signatures: Signatures, rows: Rows, tell: Tell) -> NDArray[np.int32]:
    """For each of `rows` (positions of signatures) the place in `rows` of the first row that is nearly the same.

    Args:
        signatures: of all rows.
        rows: which of them to compare with each other.
        tell: told how many bands are done, and of how many.
    """
    groups = Groups(len(rows))
    for number in range(BANDS):
        tell(number, BANDS)
        hashes = signatures.band(number, WIDTH, rows)
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        firsts = groups.firsts()
        for _ in range(ROUNDS):
            if len(order) < 2:  # noqa: PLR2004 - a pair
                break
            begins = np.concatenate([[True], hashes[1:] != hashes[:-1]])
            leaders = order[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
            # Rows alone in their bucket, leaders themselves and pairs that are joined already need no comparison.
            asked = np.flatnonzero(~begins & (firsts[order] != firsts[leaders]))
            alike = signatures.alike(rows[order[asked]], rows[leaders[asked]]) >= THRESHOLD
            for one, other in zip(leaders[asked[alike]].tolist(), order[asked[alike]].tolist(), strict=True):
                groups.join(one, other)
            left = np.zeros(len(order), dtype=bool)
            left[asked[~alike]] = True
            order, hashes = order[left], hashes[left]
    return groups.firsts()


def nearest(signatures: Signatures, rows: Rows, others: Rows, tell: Tell) -> tuple[Rows, NDArray[np.float32]]:
    """For each of `rows` the place in `others` of a row that is nearly the same (-1: none), and how alike it is."""
    best = np.full(len(rows), -1, dtype=np.int64)
    likeness = np.zeros(len(rows), dtype=np.float32)
    for number in range(BANDS):
        tell(number, BANDS)
        theirs = signatures.band(number, WIDTH, others)
        order = np.argsort(theirs, kind="stable")
        theirs = theirs[order]
        mine = signatures.band(number, WIDTH, rows)
        begin, end = np.searchsorted(theirs, mine, "left"), np.searchsorted(theirs, mine, "right")
        for probe in range(PROBES):
            asked = np.flatnonzero(begin + probe < end)
            if not len(asked):
                break
            found = order[begin[asked] + probe]
            alike = signatures.alike(rows[asked], others[found])
            better = (alike >= THRESHOLD) & (alike > likeness[asked])
            best[asked[better]] = found[better]
            likeness[asked[better]] = alike[better]
    return best, likeness
