"""What an adapter adds to a tensor, computed in float32 from its small factors, by rows wherever that is possible.

The factors go to the device of the first block and are let go when all rows had their turn, so that a GPU holds those
of the tensors in work only. Blocks may come in any order, from several threads.
"""

import threading
from collections.abc import Callable, Sequence

import torch

from workers.merger.planned import Change

Load = Callable[[], tuple[torch.Tensor, ...]]


class Factors:
    """Small float32 tensors that are read when the first block comes, and let go after the last."""

    def __init__(self, load: Load, rows: int) -> None:
        self.load = load
        self._rows = rows
        self._seen = 0
        self._there: dict[torch.device, tuple[torch.Tensor, ...]] = {}
        self._lock = threading.Lock()

    def at(self, block: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The factors where the block is; to be asked for once for each block."""
        device = block.device
        with self._lock:
            if device not in self._there:
                self._there[device] = tuple(factor.to(device, torch.float32) for factor in self.load())
            found = self._there[device]
            self._seen += len(block)
            if self._seen >= self._rows:
                self._there, self._seen = {}, 0
        return found


class LowRank:
    """W + scale · L·R: LoRA on a linear layer, an embedding or one expert. L·R has the shape of W."""

    by_rows = True

    def __init__(self, load: Load, rows: int, scale: float) -> None:
        self.scale = scale
        self.factors = Factors(load, rows)

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """See `Change`."""
        left, right = self.factors.at(block)
        return block.addmm_(left[start : start + len(block)], right, alpha=self.scale)


class LowRankStack(LowRank):
    """The same for a stack of matrices, the experts of a layer: a row is an expert."""

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """See `Change`."""
        left, right = self.factors.at(block)
        rows = slice(start, start + len(block))
        return block.baddbmm_(left[rows], right[rows], alpha=self.scale)


class DoraByRows(LowRank):
    """m · V / ‖V‖ with V = W + scale · L·R of the unmerged base and the norm of each row; the factors end with m."""

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """See `Change`."""
        left, right, magnitude = self.factors.at(block)
        rows = slice(start, start + len(block))
        turned = block.addmm_(left[rows], right, alpha=self.scale)
        return turned.mul_((magnitude[rows] / torch.linalg.vector_norm(turned, dim=1)).unsqueeze(1))


class DoraByColumns(LowRank):
    """The same with the norm of each column, as it is for embeddings and for layers stored the other way round."""

    by_rows = False

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:  # noqa: ARG002 - it is all rows
        """See `Change`."""
        left, right, magnitude = self.factors.at(block)
        turned = block.addmm_(left, right, alpha=self.scale)
        return turned.mul_(magnitude / torch.linalg.vector_norm(turned, dim=0))


class Added:
    """W + scale · v for a bias."""

    by_rows = True

    def __init__(self, load: Load, rows: int, scale: float) -> None:
        self.scale = scale
        self.factors = Factors(load, rows)

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """See `Change`."""
        (vector,) = self.factors.at(block)
        return block.add_(vector[start : start + len(block)], alpha=self.scale)


class TokenRows:
    """The rows of some tokens replaced by trained ones."""

    by_rows = True

    def __init__(self, load: Load, rows: int, tokens: tuple[int, ...]) -> None:
        self.tokens = tokens
        self.factors = Factors(load, rows)

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """See `Change`."""
        (trained,) = self.factors.at(block)
        places = [place for place, token in enumerate(self.tokens) if start <= token < start + len(block)]
        rows = [self.tokens[place] - start for place in places]
        block[torch.tensor(rows, dtype=torch.long, device=block.device)] = trained[places]
        return block


class Replaced:
    """W made anew: a part of a tensor that `modules_to_save` or a trained bias takes the place of."""

    by_rows = True

    def __init__(self, load: Load, rows: int) -> None:
        self.factors = Factors(load, rows)

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """See `Change`."""
        (value,) = self.factors.at(block)
        return block.copy_(value[start : start + len(block)])


class Stacked:
    """Changes of several tensors of the model that lie below each other in one tensor of the files.

    Each part comes with its first row and the row after its last.
    """

    def __init__(self, parts: Sequence[tuple[int, int, Change]]) -> None:
        self._parts = parts
        self.by_rows = all(change.by_rows for _, _, change in parts)

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """See `Change`."""
        for first, after, change in self._parts:
            begin, end = max(first, start), min(after, start + len(block))
            if begin < end:
                rows = block[begin - start : end - start]
                rows.copy_(change.apply(rows, begin - first))
        return block


def are_same(one: Change | None, other: Change | None) -> bool:
    """Whether two changes of tensors that were one make the same of it."""
    if not isinstance(one, LowRank | TokenRows) or not isinstance(other, LowRank | TokenRows):
        return one is other
    if type(one) is not type(other) or _beside_factors(one) != _beside_factors(other):
        return False
    pairs = zip(one.factors.load(), other.factors.load(), strict=True)
    return all(left.shape == right.shape and torch.equal(left, right) for left, right in pairs)


def _beside_factors(change: Change) -> dict[str, object]:
    return {name: value for name, value in vars(change).items() if name != "factors"}
