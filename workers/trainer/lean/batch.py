"""Rows laid end to end as one sequence, with all that attention and loss need to keep them apart."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from workers.encoding import MASKED

Batch = dict[str, Any]


class FlatCollator:
    """Makes one flat batch of rows, or of packs of rows that name their `seq_lengths`."""

    def __call__(self, features: list[dict[str, Any]]) -> Batch:
        """Lay `features` (each with `input_ids` and `labels`) end to end."""
        ids = np.concatenate([np.asarray(feature["input_ids"], np.int64) for feature in features])
        labels = np.concatenate([np.asarray(feature["labels"], np.int64) for feature in features])
        lengths = [
            length for feature in features for length in (feature.get("seq_lengths") or [len(feature["input_ids"])])
        ]
        return flat_batch(ids, labels, lengths)


def flat_batch(ids: np.ndarray, labels: np.ndarray, lengths: list[int]) -> Batch:
    """The batch of rows with these lengths.

    Args:
        ids: token ids of all rows, shape (tokens,).
        labels: the label of each token, or `MASKED`, shape (tokens,).
        lengths: how long each row is.

    Returns:
        `input_ids` and `position_ids` of shape (1, tokens); `cu_seq_lens_q` and `_k`, where rows begin, and
        `max_length_q` and `_k`, the longest, as transformers passes them to attention; `kept`, the positions whose next
        token is learned, and `labels`, those tokens, both of shape (learned,).
    """
    borders = np.concatenate([[0], np.cumsum(lengths)])
    targets = np.full_like(labels, MASKED)
    targets[:-1] = labels[1:]
    targets[borders[1:] - 1] = MASKED  # the last token of a row is asked for nothing
    kept = np.flatnonzero(targets != MASKED)
    positions = np.concatenate([np.arange(length) for length in lengths])
    starts = torch.from_numpy(borders.astype(np.int32))
    return {
        "input_ids": torch.from_numpy(ids)[None],
        "position_ids": torch.from_numpy(positions)[None],
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
        "kept": torch.from_numpy(kept),
        "labels": torch.from_numpy(targets[kept]),
    }


def split_flat(batch: Batch) -> list[Batch]:
    """The batch as two of about the same length, cut between rows; the batch itself when it has one row only."""
    borders = batch["cu_seq_lens_q"].tolist()
    if len(borders) <= 2:  # noqa: PLR2004 - one row has two borders
        return [batch]
    middle = min(borders[1:-1], key=lambda border: abs(2 * border - borders[-1]))
    return [_part(batch, borders, start, end) for start, end in pairwise([0, middle, borders[-1]])]


def _part(batch: Batch, borders: list[int], start: int, end: int) -> Batch:
    inside = (batch["kept"] >= start) & (batch["kept"] < end)
    starts = torch.tensor([border - start for border in borders if start <= border <= end], dtype=torch.int32)
    longest = max(second - first for first, second in pairwise(starts.tolist()))
    return {
        "input_ids": batch["input_ids"][:, start:end],
        "position_ids": batch["position_ids"][:, start:end],
        "cu_seq_lens_q": starts.to(batch["cu_seq_lens_q"].device),
        "cu_seq_lens_k": starts.to(batch["cu_seq_lens_q"].device),
        "max_length_q": longest,
        "max_length_k": longest,
        "kept": batch["kept"][inside] - start,
        "labels": batch["labels"][inside],
    }
