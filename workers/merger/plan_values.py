"""Whether two stored tensors hold the same numbers, read block by block."""

import torch

from adapters.weight_files import StoredTensor
from workers.merger.reading import FLOATS, read_tensor

BLOCK_NUMBERS = 4 * 1024 * 1024


def are_equal(one: StoredTensor, other: StoredTensor) -> bool:
    """The same shape and numbers; they may be stored in different precisions."""
    if one.shape != other.shape or one.dtype not in FLOATS or other.dtype not in FLOATS:
        return False
    if not one.shape:
        return torch.equal(read_tensor(one).double(), read_tensor(other).double())
    width = 1
    for size in one.shape[1:]:
        width *= size
    step = max(1, BLOCK_NUMBERS // max(1, width))
    for first in range(0, one.shape[0], step):
        rows = (first, min(one.shape[0], first + step))
        if not torch.equal(read_tensor(one, rows).double(), read_tensor(other, rows).double()):
            return False
    return True
