"""Rows that stand in a version more than once, exactly or nearly, and held-out rows that are also trained on.

Duplicates are looked for within a split, leaks between the two; a row that names no split is trained on. Of each group
the first row stays. Memory: 17 bytes a row and what numpy needs to sort them, beside the signatures' file.
"""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from finetune_app.datasets.findings import FindingCode
from finetune_app.datasets.row_types import Split, ToolMessage, TrainingRow
from workers.findings.near_duplicates import Tell, near_groups, nearest
from workers.findings.shingles import CommonShingles
from workers.findings.signatures import Rows, SignatureFile, Signatures

EXACT = 2.0  # more alike than any estimate says


@dataclass(frozen=True)
class SameRows:
    """The rows of one code, in order: those that would be dropped, for each the one that stays, and how alike."""

    code: FindingCode
    rows: Rows
    others: Rows
    likeness: NDArray[np.float32]

    @property
    def groups(self) -> int:
        """How many rows stay for them."""
        return len(np.unique(self.others))

    def details(self) -> Iterator[tuple[int, int, str]]:
        """Row, the row that stays, and what they have in common."""
        for row, other, likeness in zip(self.rows.tolist(), self.others.tolist(), self.likeness.tolist(), strict=True):
            if self.code is FindingCode.LEAK:
                same = "The same as" if likeness == EXACT else f"About {likeness:.0%} of the word triples of"
                yield row, other, f"{same} held-out row {other:,}."
            elif likeness == EXACT:
                yield row, other, f"The same as row {other:,}."
            else:
                yield row, other, f"About {likeness:.0%} of the word triples of row {other:,}."


@dataclass
class SameRowFinder:
    """Takes every row once, then says which are the same."""

    folder: Path
    common: CommonShingles
    numbers: "array[int]" = field(default_factory=lambda: array("I"))
    held_out: "array[int]" = field(default_factory=lambda: array("B"))
    has_words: "array[int]" = field(default_factory=lambda: array("B"))
    contents: "array[int]" = field(default_factory=lambda: array("Q"))

    def __post_init__(self) -> None:
        self._signatures = SignatureFile(self.folder / "signatures.u32")

    def add(self, row: TrainingRow, said: str) -> None:
        """Take a row; `said` are its words without system messages."""
        own = self.common.own(said)
        self._signatures.add(own)
        self.numbers.append(row.number)
        self.held_out.append(row.split is Split.HELD_OUT)
        self.has_words.append(bool(own))
        self.contents.append(_content(row))

    @property
    def has_splits(self) -> bool:
        """Whether there are rows on both sides."""
        return 0 < sum(self.held_out) < len(self.held_out)

    def find(self, tell: Tell) -> list[SameRows]:
        """All groups. `tell` is told how far the comparison is."""
        signatures = self._signatures.close()
        found = _Finder(
            signatures,
            np.array(self.numbers, dtype=np.int64),
            np.array(self.held_out, dtype=bool),
            np.array(self.has_words, dtype=bool),
            np.array(self.contents, dtype=np.uint64),
        )
        near = found.near(tell)
        leak = [found.leak(tell)] if self.has_splits else []
        return [*leak, found.exact(), near]


class _Finder:
    """All arrays have one item for each row, in the order of the file; places in them are positions."""

    def __init__(
        self,
        signatures: Signatures,
        numbers: Rows,
        held_out: NDArray[np.bool_],
        has_words: NDArray[np.bool_],
        contents: NDArray[np.uint64],
    ) -> None:
        self._signatures = signatures
        self._numbers = numbers
        self._held_out = held_out
        self._has_words = has_words
        self._contents = contents
        sides = contents ^ np.where(held_out, np.uint64(0x5BF0A8B1), np.uint64(0))
        _, first, of = np.unique(sides, return_index=True, return_inverse=True)
        self._first: Rows = first[of]  # the first row with the same content in the same split
        self._is_first = self._first == np.arange(len(numbers))

    def exact(self) -> SameRows:
        """All but the first of equal rows."""
        rows = np.flatnonzero(~self._is_first)
        return self._same(FindingCode.DUPLICATE, rows, self._first[rows], np.full(len(rows), EXACT))

    def near(self, tell: Tell) -> SameRows:
        """All but the first of nearly equal rows; exact duplicates are told apart."""
        rows: list[Rows] = []
        others: list[Rows] = []
        for side in (self._held_out, ~self._held_out):
            positions = np.flatnonzero(self._is_first & self._has_words & side)
            firsts = near_groups(self._signatures, positions, tell)
            later = np.flatnonzero(firsts != np.arange(len(positions)))
            rows.append(positions[later])
            others.append(positions[firsts[later]])
        row, other = np.concatenate(rows), np.concatenate(others)
        order = np.argsort(row)
        row, other = row[order], other[order]
        return self._same(FindingCode.NEAR_DUPLICATE, row, other, self._signatures.alike(row, other))

    def leak(self, tell: Tell) -> SameRows:
        """Training rows that are also held out."""
        count = len(self._numbers)
        best = np.full(count, -1, dtype=np.int64)
        likeness = np.zeros(count, dtype=np.float32)
        rows = np.flatnonzero(self._is_first & self._has_words & ~self._held_out)
        others = np.flatnonzero(self._is_first & self._has_words & self._held_out)
        places, alike = nearest(self._signatures, rows, others, tell)
        found = places >= 0
        best[rows[found]] = others[places[found]]
        likeness[rows[found]] = alike[found]
        self._add_equal(best, likeness)
        best, likeness = best[self._first], likeness[self._first]  # a copy of a leaking row leaks as well
        leaking = np.flatnonzero((best >= 0) & ~self._held_out)
        return self._same(FindingCode.LEAK, leaking, best[leaking], likeness[leaking])

    def _add_equal(self, best: Rows, likeness: NDArray[np.float32]) -> None:
        rows = np.flatnonzero(self._is_first & ~self._held_out)
        others = np.flatnonzero(self._is_first & self._held_out)
        _, mine, theirs = np.intersect1d(
            self._contents[rows], self._contents[others], assume_unique=True, return_indices=True
        )
        best[rows[mine]] = others[theirs]
        likeness[rows[mine]] = EXACT

    def _same(self, code: FindingCode, rows: Rows, others: Rows, likeness: NDArray[np.float32]) -> SameRows:
        return SameRows(code, self._numbers[rows], self._numbers[others], likeness)


def _content(row: TrainingRow) -> int:
    """A digest of all that the model meets; blanks do not count."""
    parts = [f"{message.role}\x1f{' '.join(message.content.split())}" for message in row.prompt]
    parts += [" ".join(text.split()) for text in (row.completion, row.text, row.rejected)]
    text = "\x1e".join(parts).encode("utf-8", "surrogatepass")
    calls = [message.tool_calls for message in row.prompt if isinstance(message, ToolMessage)]
    if calls or row.answer_calls or row.tools or row.label is not None:
        text += msgspec.json.encode([calls, row.answer_calls, row.tools, row.label])
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
