"""The logits of the reference, kept in a mapped file while the next model is loaded, and what another one says beside.

KL divergences are taken in float64: of two nearly equal models float32 would show its own rounding.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from finetune_app.merges.gates import TIE
from workers.evaluator.measure import Batching, left_padded
from workers.loading import embedding_rows
from workers.merge_prover.prompts import Prompt

MAX_POSITIONS = 32  # of one prompt
MAX_BYTES = 1_500_000_000  # of all kept logits together
LOGIT_BYTES = 4
TOKENS_AT_ONCE = 4096
POSITIONS_AT_ONCE = 8  # bounds what is converted to float64


def positions_for(prompts: int, vocabulary: int, references: int) -> int:
    """How many positions of each prompt can be kept."""
    return max(1, min(MAX_POSITIONS, MAX_BYTES // (prompts * vocabulary * LOGIT_BYTES * references)))


class Reference:
    """Logits of all compared positions, in float32; the file is made with the first ones."""

    def __init__(self, path: Path, prompts: Sequence[Prompt]) -> None:
        self._path, self._prompts = path, prompts
        ends = torch.tensor([prompt.positions for prompt in prompts]).cumsum(0).tolist()
        self._places = [slice(end - prompt.positions, end) for end, prompt in zip(ends, prompts, strict=True)]
        self._kept: torch.Tensor | None = None

    def keep(self, index: int, logits: torch.Tensor) -> None:
        """Keep those of one prompt.

        Raises:
            OSError: the disk is full.
        """
        if self._kept is None:
            shape = (self._places[-1].stop, logits.shape[-1])
            _reserve(self._path, shape[0] * shape[1] * LOGIT_BYTES)
            self._kept = torch.from_file(str(self._path), shared=True, size=shape[0] * shape[1]).view(shape)
        self._kept[self._places[index]] = logits.cpu()

    def of(self, index: int) -> torch.Tensor:
        """Those of one prompt.

        Raises:
            ValueError: none were kept.
        """
        if self._kept is None:
            raise ValueError("no logits were kept")
        return self._kept[self._places[index]].clone()

    def drop(self) -> None:
        """Remove the file."""
        self._kept = None
        self._path.unlink(missing_ok=True)


def _reserve(path: Path, size: int) -> None:
    """Take the room on the disk now: a mapped file that finds none later ends the process without a word."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


@dataclass(frozen=True)
class Beside:
    """One prompt, position by position: KL(reference ‖ other), whether both prefer the same token (`TIE`); the logits.

    `difference` is the largest of two logits, `distance` the largest over 1 + the largest logit of its position.
    """

    kl: torch.Tensor
    same: torch.Tensor
    difference: float
    distance: float


def compare(reference: torch.Tensor, other: torch.Tensor) -> Beside:
    """Two models on the positions of one prompt; of vocabularies of two sizes the tokens that both have."""
    width = min(reference.shape[-1], other.shape[-1])
    parts = [
        _compare(first[..., :width].double(), second[..., :width].double())
        for first, second in zip(
            reference.to(other.device).split(POSITIONS_AT_ONCE), other.split(POSITIONS_AT_ONCE), strict=True
        )
    ]
    kl, same, difference, distance = (torch.cat(columns).cpu() for columns in zip(*parts, strict=True))
    return Beside(kl, same, difference.max().item(), distance.max().item())


def _compare(reference: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, ...]:
    ours, theirs = reference.log_softmax(-1), other.log_softmax(-1)
    shares = ours.exp()
    # A token that the reference excludes adds nothing; what is no number must stay none.
    terms = torch.where(shares == 0, 0.0, shares * (ours - theirs))
    apart = torch.where(reference == other, 0.0, (reference - other).abs())
    return (
        terms.sum(-1).clamp(min=0),
        ours.amax(-1) - ours.gather(-1, other.argmax(-1, keepdim=True)).squeeze(-1) <= TIE,
        apart.amax(-1),
        apart.amax(-1) / (1 + torch.where(reference.isinf(), 0.0, reference.abs()).amax(-1)),
    )


def losses_of(prompt: Prompt, logits: torch.Tensor) -> torch.Tensor:
    """The loss of each compared token."""
    targets = torch.tensor(prompt.ids[prompt.first :], device=logits.device)
    return cross_entropy(logits.float(), targets, reduction="none").double().cpu()


def run_through(
    model: Any,
    prompts: Sequence[Prompt],
    take: Callable[[int, torch.Tensor], None],
    on_prompts: Callable[[int], None],
) -> bool:
    """Give `take` the logits of each prompt's compared positions, in float32; in batches, halved when memory is short.

    Returns:
        Whether the model could: one whose embedding has no row for some token cannot.
    """
    if max(max(prompt.ids) for prompt in prompts) >= embedding_rows(model):
        on_prompts(len(prompts))
        return False
    taken: set[int] = set()  # a batch that ran out of memory is run again in parts

    def batch(indices: Sequence[int]) -> None:
        some = [prompts[index] for index in indices]
        width = max(prompt.positions for prompt in some) + 1
        # What stands left of a prompt is masked: any token will do.
        inputs = left_padded([prompt.ids for prompt in some], 0, model.device)
        with torch.inference_mode():
            # The last column foretells nothing that is compared.
            logits = model(**inputs, use_cache=False, logits_to_keep=width).logits[:, -width:-1]
            for index, prompt, lines in zip(indices, some, logits, strict=True):
                if index not in taken:
                    take(index, lines[width - 1 - prompt.positions :].float())
                    taken.add(index)

    for indices, _ in Batching(TOKENS_AT_ONCE).compute([len(prompt.ids) for prompt in prompts], batch):
        on_prompts(len(indices))
    return True
