"""AdamW for weights in bfloat16 by way of float32 copies (Micikevicius et al. 2018, “master weights”).

In bfloat16 a step smaller than 1/256 of a weight is lost, and so is the decay of Adam's second moment. The model
computes with bfloat16 weights, without a cast on every call; the optimizer steps float32 copies and rounds them once a
step.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import AdamW

MASTERS = "masters"


class MasterAdamW(AdamW):
    """AdamW whose parameter groups hold the float32 copies; the weights themselves follow after each step."""

    def __init__(self, groups: Iterable[dict[str, Any]], **options: Any) -> None:
        """As `AdamW`; `groups` are parameter groups of the model's own weights."""
        self._weights: list[torch.Tensor] = []
        self._masters: list[torch.Tensor] = []
        copied = [group | {"params": [self._master_of(weight) for weight in group["params"]]} for group in groups]
        super().__init__(copied, **options)

    def _master_of(self, weight: torch.Tensor) -> torch.Tensor:
        master = torch.nn.Parameter(weight.detach().float(), requires_grad=True)
        self._weights.append(weight)
        self._masters.append(master)
        return master

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Step the copies with the weights' gradients, then round them into the weights."""
        for weight, master in zip(self._weights, self._masters, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
        result = super().step(closure)
        for master in self._masters:
            master.grad = None
        self._round()
        return result

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the weights' gradients."""
        for weight in self._weights:
            if set_to_none:
                weight.grad = None
            elif weight.grad is not None:
                weight.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """As `AdamW`, and the copies themselves."""
        return super().state_dict() | {MASTERS: [master.detach() for master in self._masters]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; the weights follow."""
        state = dict(state_dict)
        with torch.no_grad():
            for master, kept in zip(self._masters, state.pop(MASTERS), strict=True):
                master.copy_(kept)
        super().load_state_dict(state)
        self._round()

    @torch.no_grad()
    def _round(self) -> None:
        torch._foreach_copy_(self._weights, self._masters)
