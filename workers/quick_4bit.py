"""Quantizing to 4 bits on the CPU, faster than bitsandbytes does it there and with the same result to the bit.

bitsandbytes looks up each weight among 15 bounds by binary search. Here a weight, which lies between -1 and 1 once it
is scaled, falls into one of many cells of equal width, each with at most one bound in it: two small tables and one
comparison tell its code. A run on the CPU quantizes its base each time that it starts.
"""

from functools import cache

import torch
from bitsandbytes.functional import get_4bit_type

OPERATOR = "bitsandbytes::quantize_4bit"
CELLS_PER_UNIT = 512  # the closest two bounds, those of fp4 around 0, are 0.0026 apart
NO_BOUND = 2.0
TINY = 1e-38


@cache
def use_quick_4bit() -> None:
    """Let bitsandbytes quantize with it on the CPU, from now on in this process."""
    torch.library.register_kernel(OPERATOR, "cpu", quantize_4bit)


def quantize_4bit(
    A: torch.Tensor,  # noqa: N803 - the operator's own name
    blocksize: int,
    quant_type: str,
    quant_storage: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes of `A`, two in a byte, and the largest magnitude of each block."""
    flat = A.reshape(-1).float()
    whole = flat.numel() - flat.numel() % blocksize
    blocks = flat[:whole].reshape(-1, blocksize)
    largest = blocks.abs().amax(dim=-1)
    scaled = torch.clamp(blocks * (1.0 / largest.clamp(min=TINY)).unsqueeze(1), -1, 1).reshape(-1)
    if whole < flat.numel():
        rest = flat[whole:].abs().max().clamp(min=TINY)
        largest = torch.cat([largest, rest.reshape(1)])
        scaled = torch.cat([scaled, torch.clamp(flat[whole:] / rest, -1, 1)])
    if scaled.numel() % 2:
        scaled = torch.nn.functional.pad(scaled, (0, 1))
    is_sound = bool(largest.isfinite().all())
    codes = _codes(scaled, quant_type) if is_sound else _codes_by_search(scaled, quant_type)
    packed = (codes[::2] << 4) | codes[1::2]
    if quant_storage != torch.uint8:
        packed = packed.view(quant_storage)
    return packed.unsqueeze(1), largest


def _codes(scaled: torch.Tensor, quant_type: str) -> torch.Tensor:
    order, below, bounds, _ = _tables(quant_type)
    cells = scaled.mul(CELLS_PER_UNIT).add_(CELLS_PER_UNIT).to(torch.int32)
    places = below.index_select(0, cells)
    places.add_((scaled > bounds.index_select(0, cells)).view(torch.uint8))
    return places if quant_type == "nf4" else order.index_select(0, places.to(torch.int32))


def _codes_by_search(scaled: torch.Tensor, quant_type: str) -> torch.Tensor:
    """The same for weights of which some are no number, and so lie in no cell."""
    order, _, _, all_bounds = _tables(quant_type)
    return order[torch.bucketize(scaled, all_bounds)]


@cache
def _tables(quant_type: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The code of each place in ascending order; for each cell the bounds below it and the one in it; all bounds."""
    values = get_4bit_type(quant_type, device="cpu")
    order = torch.argsort(values)
    all_bounds = (values[order[:-1]] + values[order[1:]]) / 2
    edges = torch.arange(2 * CELLS_PER_UNIT + 1, dtype=torch.float64) / CELLS_PER_UNIT - 1
    below = (all_bounds.double().unsqueeze(1) < edges).sum(dim=0).to(torch.uint8)
    bounds = torch.full((len(edges),), NO_BOUND)
    for bound in all_bounds:
        bounds[int(bound.double() * CELLS_PER_UNIT + CELLS_PER_UNIT)] = bound
    return order.to(torch.uint8), below, bounds, all_bounds
