"""Which rows of the parents are kept, and in which order: one pass over the rows, then lots by their keys."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from finetune_app.datasets.derivation import Sample, Shuffle, Where
from finetune_app.datasets.row_index import texts_of
from finetune_app.datasets.row_keys import Purpose, below_share, lesson_key, lots, mix
from finetune_app.datasets.row_types import TrainingRow
from finetune_app.jobs.states import Phase
from workers.dataset_tasks.row_lines import RowLine, good_row_lines
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.progress import Progress
from workers.row_deriver.order import DROP_NAME, DeriveOrder

Order = npt.NDArray[np.intp]


@dataclass
class Counts:
    """Where the rows went: those `read` of each parent, less those `dropped` by each step, are those that are left."""

    read: list[int] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, step: str, rows: int) -> None:
        """So many rows went with this step."""
        self.dropped[step] = self.dropped.get(step, 0) + rows


@dataclass
class Candidates:
    """The rows that the first steps left, each on a line of a file: where it begins, and its key. 16 bytes a row."""

    starts: "array[int]" = field(default_factory=lambda: array("Q"))
    keys: "array[int]" = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.keys)

    def lots(self, seed: int, purpose: Purpose) -> npt.NDArray[np.uint64]:
        """A number for each row."""
        return lots(np.frombuffer(self.keys, np.uint64), seed, purpose)


def write_candidates(folder: Path, order: DeriveOrder, counts: Counts, path: Path) -> Candidates:
    """Write the lines of the rows that `drop_rows` and `where` leave to `path`, as they were uploaded."""
    candidates = Candidates()
    dropped = _numbers(folder / DROP_NAME) if order.steps.drop_rows else frozenset[int]()
    wanted = _condition(order.steps.where) if order.steps.where else None
    gone = {"drop_rows": 0, "where": 0}
    end = 0
    with path.open("wb") as file:
        for place, (row, line, _) in _all_rows(folder, order, counts):
            if place == 0 and row.number in dropped:
                gone["drop_rows"] += 1
            elif wanted is not None and not wanted(row):
                gone["where"] += 1
            else:
                candidates.starts.append(end)
                candidates.keys.append(lesson_key(row))
                end += file.write(line) + file.write(b"\n")
    for step, given in (("drop_rows", order.steps.drop_rows), ("where", order.steps.where)):
        if given:
            counts.drop(step, gone[step])
    return candidates


def choose(candidates: Candidates, sample: Sample | None, shuffle: Shuffle | None, counts: Counts) -> Order:
    """Which candidates are kept, in their new order."""
    chosen: Order = np.arange(len(candidates))
    if sample:
        numbers = candidates.lots(sample.seed, Purpose.SAMPLE)
        if sample.share is not None:
            chosen = chosen[below_share(numbers, sample.share)]
        else:
            chosen = np.sort(np.argsort(numbers, kind="stable")[: sample.n])
        counts.drop("sample", len(candidates) - len(chosen))
    if shuffle:
        # The place goes into the lot as well, or else equal rows would end up side by side.
        places = mix(np.arange(len(candidates), dtype=np.uint64))
        numbers = mix(candidates.lots(shuffle.seed, Purpose.SHUFFLE) ^ places)
        chosen = chosen[np.argsort(numbers[chosen], kind="stable")]
    return chosen


def _all_rows(folder: Path, order: DeriveOrder, counts: Counts) -> Iterator[tuple[int, RowLine]]:
    progress = Progress(Phase.READING, order.total)
    for place in range(len(order.parents)):
        before = progress.done
        for line in good_row_lines(RowsSpec.load(folder / str(place))):
            yield place, line
            progress.add()
        counts.read.append(progress.done - before)


def _numbers(path: Path) -> frozenset[int]:
    with path.open(encoding="ascii") as file:
        return frozenset(int(line) for line in file if not line.isspace())


def _condition(where: Where) -> Callable[[TrainingRow], bool]:
    needle = where.contains.casefold() if where.contains else None
    fewest, most = where.min_messages or 0, where.max_messages
    shortest, longest = where.min_characters or 0, where.max_characters
    looks_at_texts = needle is not None or shortest or longest is not None

    def meets(row: TrainingRow) -> bool:
        if where.split and (row.split or "none") != where.split:
            return False
        messages = len(row.prompt) + 1 if row.prompt or row.completion else 0  # plain text has none
        if messages < fewest or (most is not None and messages > most):
            return False
        if not looks_at_texts:
            return True
        texts = texts_of(row)
        characters = sum(map(len, texts))
        if characters < shortest or (longest is not None and characters > longest):
            return False
        return needle is None or any(needle in text.casefold() for text in texts)

    return meets
