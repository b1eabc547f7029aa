"""How near one tensor on disk is to what was asked for, from sums over its blocks, in float64."""

from typing import Literal

import torch

from finetune_app.merges.report import TensorReport

SMALL = 1e-5  # of the weights: changes below it are measured against it, since float32 itself rounds


class Sums:
    """Those of one tensor, block by block."""

    def __init__(self) -> None:
        self._is_added = False
        self._weights = self._asked = self._kept = self._possible = self._error = self._off = self._after = 0.0

    def add(self, on_disk: torch.Tensor, after: torch.Tensor, before: torch.Tensor | None, dtype: torch.dtype) -> None:
        """One block: what lies on disk, what the adapter asks for, and what was there before."""
        rounded = after.to(dtype).float()
        self._off += _square(on_disk - rounded)
        self._after += _square(after)
        if before is None:
            return
        self._is_added = True
        change, kept = after - before, on_disk - before
        self._weights += _square(before)
        self._asked += _square(change)
        self._kept += _product(kept, change)
        self._possible += _product(rounded - before, change)
        self._error += _square(kept - change)

    def report(self, name: str, change: Literal["added", "replaced", "new"]) -> TensorReport:
        """What they come to."""
        if not self._is_added:
            return TensorReport(name=name, change=change, off=_over(self._off**0.5, self._after**0.5))
        asked, weights = self._asked**0.5, self._weights**0.5
        return TensorReport(
            name=name,
            change=change,
            delta_norm=asked,
            weight_norm=weights,
            retention=self._kept / self._asked if self._asked else None,
            possible=self._possible / self._asked if self._asked else None,
            error=self._error**0.5 / asked if asked else None,
            off=_over(self._off**0.5, max(asked, SMALL * weights)),
        )


def _over(part: float, whole: float) -> float:
    return part / whole if whole else part


def _square(numbers: torch.Tensor) -> float:
    return _product(numbers, numbers)


def _product(first: torch.Tensor, second: torch.Tensor) -> float:
    return (first.double() * second.double()).sum().item()
