"""What one model said on all prompts, beside a reference: means over all positions, the worst, and the losses."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from workers.merge_prover.prompts import Prompt
from workers.merge_prover.reference import Beside, Reference, compare, losses_of


@dataclass
class Measured:
    """By the prompts' places; a model that could not run has nothing, and all its figures are no numbers."""

    prompts: Sequence[Prompt]
    beside: dict[int, Beside] = field(default_factory=dict)
    losses: dict[int, torch.Tensor] = field(default_factory=dict)

    def take(self, index: int, logits: torch.Tensor, reference: Reference | None) -> None:
        """One prompt's logits."""
        self.losses[index] = losses_of(self.prompts[index], logits)
        if reference is not None:
            self.beside[index] = compare(reference.of(index), logits)

    def kl(self, *indices: int) -> float:
        """Mean over the positions of these prompts; of all when none is named."""
        return _mean(self._all("kl", indices))

    def worst_kl(self, *indices: int) -> float:
        """At one position."""
        return _most(self._all("kl", indices))

    def top1(self, *indices: int) -> float:
        """Share of positions with the same most likely token."""
        return _mean(self._all("same", indices))

    @property
    def difference(self) -> float:
        """The largest of two logits."""
        return _most([torch.tensor([one.difference]) for one in self.beside.values()])

    @property
    def distance(self) -> float:
        """The same over 1 + the largest logit of its position."""
        return _most([torch.tensor([one.distance]) for one in self.beside.values()])

    def loss(self, indices: Iterable[int]) -> float:
        """Mean over the tokens of these prompts."""
        return _mean([self.losses[index] for index in indices if index in self.losses])

    def _all(self, name: str, indices: Sequence[int]) -> list[torch.Tensor]:
        return [getattr(self.beside[index], name) for index in indices or self.beside if index in self.beside]


def _mean(parts: Sequence[torch.Tensor]) -> float:
    return torch.cat(list(parts)).double().mean().item() if parts else math.nan


def _most(parts: Sequence[torch.Tensor]) -> float:
    # torch's max is no number as soon as one of them is none
    return torch.cat(list(parts)).double().max().item() if parts else math.nan
