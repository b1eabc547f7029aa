"""Cross-entropy of an output head over chosen positions, in pieces: the logits of all of them never exist at once.

The gradient for the hidden states is computed along with the loss, as in Liger's fused linear cross-entropy (Hsu et al.
2024), here in plain PyTorch: nothing waits for the device, and the CPU computes the same.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd import Function

PIECE_BYTES = 256 * 1024 * 1024  # of float32 logits at once
FLOAT_BYTES = 4


class _HeadLoss(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
    ) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start, piece, goal in _pieces(hidden, targets, weight.shape[0]):
            logits = _logits(piece, weight, bias)
            normalizer = logits.logsumexp(-1, keepdim=True)
            total += (normalizer - logits.gather(-1, goal[:, None])).sum()
            if gradient is None:
                continue
            logits.sub_(normalizer).exp_()  # now the probabilities
            logits.scatter_add_(-1, goal[:, None], torch.full_like(goal[:, None], -1, dtype=logits.dtype))
            gradient[start : start + len(piece)] = logits.to(weight.dtype) @ weight
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, scale: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * scale.to(gradient.dtype), None, None, None


def head_loss(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> torch.Tensor:
    """The summed cross-entropy in nats, a float32 scalar; its gradient reaches `hidden` only.

    Args:
        hidden: what goes into the head, shape (positions, size).
        weight: of the head, shape (vocabulary, size), frozen.
        bias: of the head, shape (vocabulary,), frozen, or None.
        targets: the token that is right at each position, shape (positions,).
    """
    return _HeadLoss.apply(hidden, weight, bias, targets)


@torch.no_grad()
def head_scores(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed cross-entropy in nats and the number of positions whose likeliest token is right, both scalars."""
    total = torch.zeros((), dtype=torch.float32, device=hidden.device)
    correct = torch.zeros((), dtype=torch.int64, device=hidden.device)
    for _, piece, goal in _pieces(hidden, targets, weight.shape[0]):
        logits = _logits(piece, weight, bias)
        total += (logits.logsumexp(-1) - logits.gather(-1, goal[:, None])[:, 0]).sum()
        correct += (logits.argmax(-1) == goal).sum()
    return total, correct


def _pieces(
    hidden: torch.Tensor, targets: torch.Tensor, vocabulary: int
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    length = max(1, PIECE_BYTES // (FLOAT_BYTES * vocabulary))
    for start in range(0, len(hidden), length):
        yield start, hidden[start : start + length], targets[start : start + length]


def _logits(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return torch.nn.functional.linear(hidden.to(weight.dtype), weight, bias).float()
