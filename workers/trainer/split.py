"""Micro-batches in halves: rows laid end to end, padded rows, and pairs of padded rows."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch

Batch = dict[str, Any]
Halve = Callable[[Batch], list[Batch]]


def split_rows(batch: Batch) -> list[Batch]:
    """A padded batch as two, cut between rows; the batch itself when it has one row."""
    return _split(batch, len(batch["input_ids"]), pairs=False)


def split_pairs(batch: Batch) -> list[Batch]:
    """The same of a batch that holds the chosen answers of all rows and then the rejected ones."""
    return _split(batch, len(batch["input_ids"]) // 2, pairs=True)


def split_pack(batch: Batch) -> list[Batch]:
    """Rows laid end to end that begin wherever `position_ids` is 0, as trl packs them."""
    tokens = batch["input_ids"].shape[1]
    starts = (batch["position_ids"][0] == 0).nonzero().flatten().tolist()
    if len(starts) <= 1:
        return [batch]
    middle = min(starts[1:], key=lambda start: abs(2 * start - tokens))
    return [_columns(batch, start, end) for start, end in pairwise([0, middle, tokens])]


def rows_in(batch: Batch, *, pairs: bool = False) -> int:
    """How many rows a batch of any of these kinds holds."""
    if "cu_seq_lens_q" in batch:
        return len(batch["cu_seq_lens_q"]) - 1
    count = len(batch["input_ids"])
    if count == 1 and "position_ids" in batch:
        return int((batch["position_ids"] == 0).sum())
    return count // 2 if pairs else count


def _split(batch: Batch, rows: int, *, pairs: bool) -> list[Batch]:
    if rows <= 1:
        return [batch]
    middle = (rows + 1) // 2
    return [
        {name: _part(value, start, end, rows, pairs=pairs) for name, value in batch.items()}
        for start, end in ((0, middle), (middle, rows))
    ]


def _part(value: Any, start: int, end: int, rows: int, *, pairs: bool) -> Any:
    if isinstance(value, list) and len(value) == rows:
        return value[start:end]
    if not isinstance(value, torch.Tensor) or not value.dim():
        return value
    if pairs and len(value) == 2 * rows:
        return torch.cat([value[start:end], value[rows + start : rows + end]])
    return value[start:end] if len(value) == rows else value


def _columns(batch: Batch, start: int, end: int) -> Batch:
    tokens = batch["input_ids"].shape[1]
    part = {
        name: value[:, start:end] if isinstance(value, torch.Tensor) and value.shape[:2] == (1, tokens) else value
        for name, value in batch.items()
    }
    starts = (part["position_ids"][0] == 0).nonzero().flatten()
    borders = torch.cat([starts, starts.new_tensor([end - start])]).to(torch.int32)
    lengths = {"cu_seq_lens": borders, "max_length": int(borders.diff().max())}
    return part | {f"{name}_{side}": lengths[name] for name in lengths for side in "qk" if f"{name}_{side}" in batch}
