"""What a micro-batch of rows holds: how many tokens at most, and on average. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from finetune_app.datasets.packing import packed_sequences
from finetune_app.jobs.training_config import TrainingConfig

# Texts are about 4 bytes a token with the usual byte-pair vocabularies; an assumption for rows that nobody has counted.
BYTES_PER_TOKEN = 4
LONGEST_OF_MEAN = 4  # assumed of such rows: all rows of the largest batch are so many times as long as the mean
SAMPLE_ROWS = 10_000
PAIRED = {"dpo", "reward"}  # each row is two sequences: the chosen and the rejected one

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """A micro-batch.

    Attributes:
        tokens: what is computed at most, padding included.
        learned: how many of them go through the output head at most.
        longest: tokens of its longest sequence.
        mean_tokens: what is computed on average; `real_tokens` without the padding.
    """

    tokens: int
    learned: int
    longest: int
    mean_tokens: float
    real_tokens: float


@dataclass(frozen=True)
class Rows:
    """The rows to learn from: `tokens` of each (whole rows) and how many of them come before what is learned.

    `count` is how many rows there are, of which `tokens` may be a sample; `counted` is false for assumed lengths.
    `pieces` is how long a piece of a pack is in which an average token lies, where these rows are packs; else 0.
    """

    count: int
    tokens: Counts
    unlearned: Counts
    counted: bool
    pieces: float = 0.0
    _fills: dict[int, float] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def known(
        cls, tokens: Iterable[int], unlearned: Iterable[int], *, count: int | None = None, pieces: float = 0.0
    ) -> Self:
        """Rows whose lengths were counted; `count` says how many of them are learned from, when not all are."""
        lengths, first = np.asarray(tokens, np.int64), np.asarray(unlearned, np.int64)
        found = len(lengths)
        if found > SAMPLE_ROWS:
            # The longest row stays in: it decides the largest batch.
            chosen = np.random.default_rng(0).choice(found, SAMPLE_ROWS, replace=False)
            chosen[0] = int(lengths.argmax())
            lengths, first = lengths[chosen], first[chosen]
        return cls(found if count is None else count, lengths, first, counted=True, pieces=pieces)

    @classmethod
    def assumed(cls, count: int, size_bytes: int, max_length: int) -> Self:
        """Rows of a file of `size_bytes`: nobody has counted their tokens."""
        mean = max(1, size_bytes // max(1, count) // BYTES_PER_TOKEN)
        return cls(count, np.asarray([min(mean, max_length)]), np.zeros(1, np.int64), counted=False)

    def batch(self, config: TrainingConfig, micro_batch: int, *, padded: bool) -> Batch:
        """Micro-batches of `micro_batch` rows (packed: sequences); `padded`: each row is as long as the longest."""
        limit = config.max_length
        micro_batch = min(micro_batch, self.sequences(config))
        sequences = 2 if config.method in PAIRED else 1
        cut = np.minimum(self.tokens, limit)
        if config.packs:
            tokens = micro_batch * limit
            real = tokens * self.fill(limit)
            return Batch(tokens, tokens, limit, tokens if padded else real, real)
        real = float(cut.mean()) * micro_batch * sequences
        if not self.counted:
            longest = min(limit, LONGEST_OF_MEAN * int(cut[0]))
            tokens = micro_batch * sequences * longest
            return Batch(tokens, tokens, longest, real, real)
        draws = config.max_steps * config.gradient_accumulation_steps if config.max_steps else None
        largest, mean = _drawn(cut, micro_batch, padded=padded, draws=draws)
        learned, _ = _drawn(np.maximum(cut - self.unlearned, 0), micro_batch, padded=False, draws=draws)
        return Batch(largest * sequences, learned * sequences, int(cut.max()), mean * sequences, real)

    def average(self, config: TrainingConfig) -> Batch:
        """All rows as one batch, whose `longest` is how long a row is in which an average token lies."""
        cut = np.minimum(self.tokens, config.max_length)
        tokens, learned = int(cut.sum()), int(np.maximum(cut - self.unlearned, 0).sum())
        around = self.pieces or length_around(cut)
        return Batch(tokens, learned, round(around), float(tokens), float(tokens))

    def fill(self, max_length: int) -> float:
        """How full packed sequences are, 0–1."""
        if max_length not in self._fills:
            self._fills[max_length] = self._fill(np.minimum(self.tokens, max_length), max_length)
        return self._fills[max_length]

    def _fill(self, cut: Counts, max_length: int) -> float:
        if not self.counted:
            return 1.0 if int(cut[0]) < max_length // 2 else int(cut[0]) / max_length
        return float(cut.sum()) / (packed_sequences(cut, max_length) * max_length)

    def sequences(self, config: TrainingConfig) -> int:
        """How many sequences (rows, or packs of them) an epoch has."""
        if not config.packs:
            return self.count
        mean = float(np.minimum(self.tokens, config.max_length).mean())
        return max(1, round(self.count * mean / (self.fill(config.max_length) * config.max_length)))


def length_around(lengths: Counts) -> float:
    """How long the row is in which an average token lies."""
    return float((lengths * lengths).sum()) / max(1, int(lengths.sum()))


def _drawn(lengths: Counts, size: int, *, padded: bool, draws: int | None) -> tuple[int, float]:
    """Tokens of the largest and of an average batch of `size` rows.

    `draws` says how many batches a run sees; None: all rows, in more than one order.
    """
    order = np.random.default_rng(0).permutation(lengths)
    if len(order) < size:
        order = np.resize(order, size)
    batches = order[: len(order) // size * size].reshape(-1, size)
    tokens: Any = batches.max(axis=1) * size if padded else batches.sum(axis=1)
    largest = tokens.max() if draws is None or draws >= len(tokens) else np.quantile(tokens, 1 - 1 / (draws + 1))
    return int(largest), float(tokens.mean())
