r"""Inner products of low-rank changes, without forming any of them.

With ΔW_i = s_i·B_i·A_i, the Frobenius inner product is

    ⟨ΔW_i, ΔW_j⟩ = s_i·s_j·tr(A_iᵀ B_iᵀ B_j A_j) = s_i·s_j·tr((B_iᵀ B_j)(A_j A_iᵀ))
                 = s_i·s_j·Σ_kl (B_iᵀ B_j)_kl (A_i A_jᵀ)_kl

by the cyclic property of the trace (Horn & Johnson, Matrix Analysis, 2nd ed., 0.2.5 and 5.6), so only products of
rank × rank are needed: for a rank of 16 in a layer of 4096 × 4096 a hundredth of the work, and no 64 MB for each ΔW.
‖ΔW‖_F² is the case i = j. Everything is summed in float64: the entries may cancel each other.
"""

from collections.abc import Sequence

import torch

from workers.delta_comparer.factors import Factor

COLUMNS = 8192  # at once: bounds what is converted to float64


def inner_products(factors: Sequence[Factor]) -> torch.Tensor:
    """The n × n inner products of changes of one shape."""
    ranks = [factor.a.shape[0] for factor in factors]
    scales = torch.cat([torch.full((rank,), factor.scaling) for rank, factor in zip(ranks, factors, strict=True)])
    inputs = _gram([factor.a for factor in factors])
    outputs = _gram([factor.b.T for factor in factors])
    products = inputs * outputs * torch.outer(scales, scales).double()
    owner = torch.repeat_interleave(torch.arange(len(ranks)), torch.tensor(ranks))
    belongs = torch.nn.functional.one_hot(owner, len(ranks)).double()
    return belongs.T @ products @ belongs


def _gram(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """X·Xᵀ for the parts one below the other, in float64."""
    rows = sum(part.shape[0] for part in parts)
    total = torch.zeros(rows, rows, dtype=torch.float64)
    for start in range(0, parts[0].shape[1], COLUMNS):
        block = torch.cat([part[:, start : start + COLUMNS].double() for part in parts])
        total.addmm_(block, block.T)
    return total
