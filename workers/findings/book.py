"""Writes findings as they come, one file for each code, and puts them together at the end. Memory: 8 bytes a row."""

import shutil
from array import array
from collections import Counter
from io import BufferedWriter
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from finetune_app.datasets.findings import (
    CODES,
    FINDINGS_NAME,
    MARK_EVERY,
    SUMMARY_NAME,
    CodeSummary,
    Finding,
    FindingCode,
    FindingsSummary,
)

TEXTS = 100  # findings of each code that carry the text of their rows
BITS = {code: 1 << place for place, code in enumerate(CODES)}


class Book:
    """The findings of a version. Rows are begun in order; findings of one code come in order too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = array("I")
        self._codes = array("I")
        self._counts: Counter[FindingCode] = Counter()
        self._marks: dict[FindingCode, list[int]] = {code: [] for code in CODES}
        self._files: dict[FindingCode, BufferedWriter] = {}
        self._encode = msgspec.json.Encoder().encode

    def begin_row(self, number: int) -> None:
        """The findings that come next are of this row."""
        self._numbers.append(number)
        self._codes.append(0)

    def wants_text(self, code: FindingCode) -> bool:
        """Whether the next finding of this code should carry the text of its rows."""
        return self._counts[code] < TEXTS

    def add(self, finding: Finding) -> None:
        """Write a finding of the row that was begun last."""
        self._codes[-1] |= BITS[finding.code]
        self.write(finding)

    def mark(self, code: FindingCode, rows: NDArray[np.int64]) -> None:
        """Rows that were begun before have this code too; their findings are written by `write`."""
        numbers, codes = np.array(self._numbers, dtype=np.int64), np.array(self._codes, dtype=np.uint32)
        codes[np.searchsorted(numbers, rows)] |= np.uint32(BITS[code])
        self._codes = array("I", codes.tobytes())

    def close(self, *, groups: dict[FindingCode, int], has_splits: bool) -> FindingsSummary:
        """Put everything together: the findings file and the summary, in the folder."""
        codes: dict[FindingCode, CodeSummary] = {}
        with (self._folder / FINDINGS_NAME).open("wb") as out:
            for code in CODES:
                if code not in self._files:
                    continue
                start = out.tell()
                self._files[code].close()
                part = self._part(code)
                with part.open("rb") as source:
                    shutil.copyfileobj(source, out)
                part.unlink()
                marks = [start + mark for mark in self._marks[code]]
                codes[code] = CodeSummary(self._counts[code], groups.get(code, 0), marks, out.tell())
        summary = FindingsSummary(len(self._numbers), has_splits, codes, self._combinations())
        (self._folder / SUMMARY_NAME).write_bytes(self._encode(summary))
        return summary

    def write(self, finding: Finding) -> None:
        """Write a finding of a row that is marked."""
        code = finding.code
        if code not in self._files:
            self._files[code] = self._part(code).open("wb")
        if self._counts[code] % MARK_EVERY == 0:
            self._marks[code].append(self._files[code].tell())
        self._counts[code] += 1
        self._files[code].write(self._encode(finding) + b"\n")

    def _part(self, code: FindingCode) -> Path:
        return self._folder / f"{code.value}.part"

    def _combinations(self) -> list[tuple[list[FindingCode], int]]:
        values, counts = np.unique(np.array(self._codes, dtype=np.uint32), return_counts=True)
        return [
            ([code for code in CODES if value & BITS[code]], count)
            for value, count in zip(values.tolist(), counts.tolist(), strict=True)
            if value
        ]
