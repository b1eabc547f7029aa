"""Writes the row index and the search file while the rows go by once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from finetune_app.datasets.row_index import RECORD, Records, record_of, texts_of
from finetune_app.datasets.row_search import make_search_file
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure
from workers.progress import Progress
from workers.row_indexer.placed_rows import PlacedRow

BATCH_ROWS = 20_000


class IndexWriter:
    """One run: `write` leaves `index_file` and `search_file` and returns the totals."""

    def __init__(self, index_file: Path, search_file: Path, total: int) -> None:
        """`total` is how many good rows there should be, for the progress and for the search file."""
        self._index_file = index_file
        self._search_file = search_file
        self._total = total
        self._progress = Progress(Phase.READING, total)
        self._rows = 0

    def write(self, rows: Iterator[PlacedRow]) -> dict[str, Any]:
        """Read all rows; the totals: `rows`, `characters`, and `min`, `median` and `max` of a row's characters.

        Raises:
            ChildFailure: BAD_ROWS, when there is no row.
        """
        records_file = self._index_file.with_suffix(".records")
        with records_file.open("wb") as self._records:
            make_search_file(self._search_file, self._entries(rows), self._total)
        if self._rows == 0:
            raise ChildFailure(Cause.BAD_ROWS, "None of the rows can be read any more.")
        records = self._finish(records_file)
        Progress(Phase.SAVING, self._rows).reach(self._rows)
        return _totals(records)

    def _entries(self, rows: Iterator[PlacedRow]) -> Iterator[tuple[int, str]]:
        batch: list[tuple[int, ...]] = []
        for position, (row, offset, length) in enumerate(rows):
            texts = texts_of(row)
            batch.append(record_of(row, texts, offset=offset, length=length))
            yield position, "\n".join(texts)
            self._rows = position + 1
            if len(batch) == BATCH_ROWS:
                np.array(batch, RECORD).tofile(self._records)
                batch.clear()
            self._progress.reach(self._rows)
        np.array(batch, RECORD).tofile(self._records)

    def _finish(self, records_file: Path) -> Records:
        """The records as a `.npy` file, with the order by length that only now is known."""
        records: Records = np.lib.format.open_memmap(self._index_file, mode="w+", dtype=RECORD, shape=(self._rows,))
        with records_file.open("rb") as file:
            for start in range(0, self._rows, BATCH_ROWS):
                records[start : start + BATCH_ROWS] = np.fromfile(file, RECORD, BATCH_ROWS)
        records_file.unlink()
        records["by_length"] = np.argsort(records["characters"], kind="stable")
        records.flush()  # type: ignore[attr-defined]
        return records


def _totals(records: Records) -> dict[str, Any]:
    characters = records["characters"]
    by_length = records["by_length"]
    return {
        "rows": len(records),
        "characters": int(characters.sum(dtype=np.int64)),
        "min": int(characters[by_length[0]]),
        "median": int(characters[by_length[len(records) // 2]]),
        "max": int(characters[by_length[-1]]),
    }
