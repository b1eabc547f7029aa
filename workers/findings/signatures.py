"""MinHash signatures of rows, made by rensa and kept in a file, and how alike two rows are by them.

128 values of 4 bytes a row; the share of values that two rows have in common estimates the share of shingles that they
have in common (Jaccard), with a standard error of at most 0.044.
"""

from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

VALUES = 128
SEED = 42
BATCH_SHINGLES = 200_000
PAIRS_AT_ONCE = 8_192

Rows = NDArray[np.int64]


class SignatureFile:
    """Takes rows one after the other; holds only a batch in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._batch: list[list[str]] = []
        self._waiting = 0

    def add(self, shingles: list[str]) -> None:
        """The next row; one without shingles is like no other row only if the caller leaves it out."""
        self._batch.append(shingles)
        self._waiting += len(shingles) + 1
        if self._waiting >= BATCH_SHINGLES:
            self._write()

    def close(self) -> "Signatures":
        """All rows are in."""
        self._write()
        self._file.close()
        if not self._path.stat().st_size:
            return Signatures(np.empty((0, VALUES), dtype=np.uint32))
        return Signatures(np.memmap(self._path, dtype=np.uint32, mode="r").reshape(-1, VALUES))

    def _write(self) -> None:
        if self._batch:
            matrix = RMinHash.digest_matrix_from_token_sets(self._batch, VALUES, SEED)
            self._file.write(np.array(matrix.to_rows(), dtype=np.uint32).tobytes())
            self._batch, self._waiting = [], 0


class Signatures:
    """The signatures of all rows, row by row."""

    def __init__(self, values: NDArray[np.uint32]) -> None:
        self._values = values

    def band(self, number: int, width: int, rows: Rows) -> NDArray[np.uint64]:
        """One hash for each of these rows over `width` values: band `number` of its signature."""
        found = np.zeros(len(rows), dtype=np.uint64)
        step = PAIRS_AT_ONCE * 8
        for start in range(0, len(rows), step):
            part = self._values[rows[start : start + step], number * width : (number + 1) * width].astype(np.uint64)
            hashed = np.zeros(len(part), dtype=np.uint64)
            for column in range(width):
                hashed = (hashed ^ part[:, column]) * np.uint64(0x9E3779B97F4A7C15)
                hashed ^= hashed >> np.uint64(32)
            found[start : start + step] = hashed
        return found

    def alike(self, ones: Rows, others: Rows) -> NDArray[np.float32]:
        """The estimated similarity, 0–1, of each pair."""
        found = np.empty(len(ones), dtype=np.float32)
        for start in range(0, len(ones), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            same = self._values[ones[part]] == self._values[others[part]]
            found[part] = same.mean(axis=1, dtype=np.float32)
        return cast("NDArray[np.float32]", found)
