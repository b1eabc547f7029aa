"""The quick way to 4 bits gives what bitsandbytes gives, bit for bit."""

import pytest
import torch
from bitsandbytes.backends.default.ops import _get_4bit_quantize_bounds

from workers.quick_4bit import CELLS_PER_UNIT, quantize_4bit

KINDS = ("nf4", "fp4")


def by_bitsandbytes(weights: torch.Tensor, blocksize: int, kind: str, storage: torch.dtype = torch.uint8):
    return torch.ops.bitsandbytes.quantize_4bit(weights, blocksize, kind, storage)


def check(weights: torch.Tensor, kind: str, blocksize: int = 64, storage: torch.dtype = torch.uint8) -> None:
    for ours, theirs in zip(
        quantize_4bit(weights, blocksize, kind, storage),
        by_bitsandbytes(weights, blocksize, kind, storage),
        strict=True,
    ):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert torch.equal(ours.contiguous().view(torch.uint8), theirs.contiguous().view(torch.uint8))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(64, 96), (576, 192), (7, 9), (3, 64), (5,)])
def test_for_weights_of_any_kind_and_shape(kind, dtype, shape):
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype) * 0.02
    check(weights, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_at_each_bound_and_each_edge_of_a_cell_and_right_beside_them(kind):
    bounds, _ = _get_4bit_quantize_bounds(kind, torch.device("cpu"))
    edges = torch.arange(-CELLS_PER_UNIT, CELLS_PER_UNIT + 1) / CELLS_PER_UNIT
    marks = torch.cat([bounds, edges, torch.tensor([0.0, -0.0])])
    up, down = torch.full_like(marks, 9.0), torch.full_like(marks, -9.0)
    near = torch.cat([marks, torch.nextafter(marks, up), torch.nextafter(marks, down)]).clamp(-1, 1)
    blocks = torch.ones(len(near), 64)  # the largest of each block is 1, so that nothing is scaled
    blocks[:, 1] = near
    check(blocks, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_for_blocks_that_are_zero_or_broken(kind):
    weights = torch.randn(8, 64, generator=torch.Generator().manual_seed(1))
    weights[0] = 0.0
    check(weights, kind)
    weights[1, 3], weights[2, 5] = float("nan"), float("inf")
    check(weights[1:3], kind)


def test_packed_into_another_dtype():
    check(torch.randn(64, 64, generator=torch.Generator().manual_seed(2)), "nf4", storage=torch.bfloat16)
