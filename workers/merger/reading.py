"""Bytes of tensors in and out of files: by place, into memory that is there already, and never mapped.

What is mapped counts as memory of the process as soon as it is touched, however little of it is in use.
"""

import math
import os

import torch

from adapters.weight_files import StoredTensor

TORCH_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
STORED_DTYPES = {dtype: name for name, dtype in TORCH_DTYPES.items()}
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})

SHORTER = "a file became shorter while it was read"


def read_tensor(stored: StoredTensor, rows: tuple[int, int] | None = None) -> torch.Tensor:
    """A tensor, or some of its rows (first, and one after the last), on the CPU in the dtype that it is stored in."""
    first, after = rows or (0, stored.shape[0] if stored.shape else 1)
    shape = (after - first, *stored.shape[1:]) if stored.shape else ()
    tensor = torch.empty(shape, dtype=TORCH_DTYPES[stored.dtype])
    descriptor = os.open(stored.path, os.O_RDONLY)
    try:
        row = math.prod(stored.shape[1:]) * tensor.element_size()
        read_into(descriptor, bytes_of(tensor), stored.start + first * row)
    finally:
        os.close(descriptor)
    return tensor


def bytes_of(tensor: torch.Tensor) -> memoryview:
    """The memory of a contiguous tensor on the CPU."""
    return memoryview(tensor.detach().reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]


def read_into(descriptor: int, memory: memoryview, offset: int) -> None:
    """Fill `memory` from a file.

    Raises:
        EOFError: the file ends before.
    """
    while memory:
        count = os.preadv(descriptor, [memory], offset)
        if not count:
            raise EOFError(SHORTER)
        memory, offset = memory[count:], offset + count


def write_from(descriptor: int, memory: memoryview, offset: int) -> None:
    """Write all of `memory` into a file."""
    while memory:
        count = os.pwrite(descriptor, memory, offset)
        memory, offset = memory[count:], offset + count
