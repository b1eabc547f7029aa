"""What a max length does to a dataset version's rows, computed from their lengths. Pure.

The lengths are whole: a worker counts them once for a base, and every max length is answered from them at once.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finetune_app.datasets.cut_rows import CutRows
from finetune_app.datasets.packing import packed_sequences

# One record for each good row: its number, its tokens, the index of the first one that is learned, and whether the row
# says by itself that it is held out.
LENGTHS = np.dtype([("row", "<u4"), ("tokens", "<u4"), ("learned_from", "<u4"), ("held_out", "?")])
BARS = 20
NICE_STEPS = (1, 2, 5)
USUAL = 0.99  # the share of rows that the bars but the last one cover

Lengths = npt.NDArray[np.void]


@dataclass(frozen=True)
class Bar:
    """Rows of `start` to `end` tokens, both counted in; the last bar has no end. `is_cut`: all of them are cut."""

    start: int
    end: int | None
    rows: int
    is_cut: bool


@dataclass(frozen=True)
class TokenReport:
    """The rows to learn from under one max length; shares are 0–1, padding is that of batches drawn at random.

    Attributes:
        rows: those that the file does not mark as held out.
        tokens: what is left of all their tokens.
        trained_tokens: those of them that are learned from.
        empty_rows: rows of which nothing is left to learn from; a job refuses them.
        shortest: the max length that leaves something of each row that has an answer, 0 when all have it.
        uncut: the shortest max length that cuts nothing off.
        padding: tokens of padding per epoch, when each batch is padded to its longest row.
        sequences: what is left when rows are packed.
        fill: how full they are.
        steps: optimizer steps per epoch, unpacked.
        packed_steps: the same, packed.
    """

    max_length: int
    rows: int
    held_out_rows: int
    tokens: int
    trained_tokens: int
    cut_rows: int
    empty_rows: int
    shortest: int
    median: int
    uncut: int
    padding: int
    sequences: int
    fill: float
    steps: int
    packed_steps: int
    bars: tuple[Bar, ...]

    @property
    def cut_share(self) -> float:
        """Rows that lose their end."""
        return self.cut_rows / self.rows if self.rows else 0.0

    @property
    def empty_share(self) -> float:
        """Rows with nothing left to learn from."""
        return self.empty_rows / self.rows if self.rows else 0.0

    @property
    def padding_share(self) -> float:
        """Padding among all that is computed without packing."""
        return self.padding / (self.padding + self.tokens) if self.tokens else 0.0


def read_lengths(content: bytes) -> Lengths:
    """The lengths in an .npy file.

    Raises:
        ValueError: it is none, or of other lengths.
    """
    lengths: Lengths = np.load(io.BytesIO(content), allow_pickle=False)
    if lengths.dtype != LENGTHS:
        raise ValueError(f"These are no lengths: {lengths.dtype}")
    return lengths


def token_report(
    lengths: Lengths, max_length: int, *, batch_size: int, accumulation: int, answers_only: bool = True
) -> TokenReport:
    """The report for one max length.

    Args:
        lengths: of `LENGTHS`.
        max_length: tokens of a row that are kept.
        batch_size: rows held in memory at once.
        accumulation: batches that make one optimizer step.
        answers_only: false when all tokens of a row are learned from.
    """
    kept = lengths[~lengths["held_out"]]
    whole = kept["tokens"].astype(np.int64)
    first = kept["learned_from"].astype(np.int64) if answers_only else np.ones(len(kept), np.int64)
    cut = np.minimum(whole, max_length)
    trained = np.maximum(cut - first, 0)
    answered = first < whole
    sequences = packed_sequences(cut, max_length)
    tokens = int(cut.sum())
    return TokenReport(
        max_length=max_length,
        rows=len(kept),
        held_out_rows=len(lengths) - len(kept),
        tokens=tokens,
        trained_tokens=int(trained.sum()),
        cut_rows=int((whole > max_length).sum()),
        empty_rows=int((trained == 0).sum()),
        shortest=int(first[answered].max()) + 1 if answered.any() else 0,
        median=int(np.median(whole)) if len(whole) else 0,
        uncut=int(whole.max()) if len(whole) else 0,
        padding=max(0, round(len(kept) * _expected_longest(cut, batch_size)) - tokens),
        sequences=sequences,
        fill=tokens / (sequences * max_length) if sequences else 0.0,
        steps=_steps(len(kept), batch_size, accumulation),
        packed_steps=_steps(sequences, batch_size, accumulation),
        bars=tuple(_bars(whole, max_length)),
    )


def cut_rows(lengths: Lengths, max_length: int, *, answers_only: bool) -> Iterator[tuple[int, int, int]]:
    """Rows of which nothing is left to learn from: number, tokens, index of the first learned one."""
    first = lengths["learned_from"] if answers_only else np.minimum(lengths["learned_from"], 1)
    for index in np.flatnonzero(np.minimum(lengths["tokens"], max_length) <= first):
        yield int(lengths["row"][index]), int(lengths["tokens"][index]), int(first[index])


def count_cut_rows(rows: Iterator[tuple[int, int, int]]) -> CutRows:
    """All of them together."""
    found = CutRows()
    for number, tokens, learned_from in rows:
        found.add(number, tokens=tokens, learned_from=learned_from)
    return found


def _expected_longest(cut: npt.NDArray[np.int64], batch_size: int) -> float:
    """The longest row of a batch drawn at random, on average: the sum over x of x · P(the longest is x)."""
    if not len(cut):
        return 0.0
    values, counts = np.unique(cut, return_counts=True)
    at_most = np.cumsum(counts) / len(cut)
    chance = np.diff(at_most ** min(batch_size, len(cut)), prepend=0.0)
    return float((values * chance).sum())


def _steps(sequences: int, batch_size: int, accumulation: int) -> int:
    batches = -(-sequences // batch_size)
    return -(-batches // accumulation)


def _bars(whole: npt.NDArray[np.int64], max_length: int) -> Iterator[Bar]:
    if not len(whole):
        return
    shortest = int(whole.min())
    width = _nice((float(np.quantile(whole, USUAL)) - shortest) / BARS)
    first, last = shortest // width, int(whole.max()) // width
    shown = min(last - first, BARS)
    counts = np.bincount(np.minimum(whole // width - first, shown), minlength=shown + 1)
    for index, rows in enumerate(counts):
        start = max(1, (first + index) * width)
        is_open = index == shown < last - first
        yield Bar(start, None if is_open else (first + index + 1) * width - 1, int(rows), start > max_length)


def _nice(width: float) -> int:
    """The width rounded up to 1, 2 or 5 times a power of ten."""
    scale = 1
    while True:
        for step in NICE_STEPS:
            if step * scale >= width:
                return step * scale
        scale *= 10
