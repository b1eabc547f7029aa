"""Real tokens are counted, whoever trains; and what trainers on rows of tokens have in common."""

from typing import Any

import torch

MASK = "attention_mask"


class TokenCount:
    """Tells `tokens_seen` with each step; to be named before trl's trainer in a class statement.

    Attributes:
        tokens_seen: real tokens since training began, padding aside; a run that goes on from a checkpoint sets it.
    """

    tokens_seen = 0
    _tokens_told = 0

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Count on from `tokens_seen`, which a run that goes on from a checkpoint has set."""
        self._tokens_told = self.tokens_seen
        return super().train(*args, **kwargs)  # type: ignore[misc]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the count of real tokens since training began, in all processes, along with what trl logs."""
        trainer: Any = self
        if trainer.args.world_size > 1:
            mine = torch.tensor([self.tokens_seen - self._tokens_told], device=trainer.args.device)
            self.tokens_seen = self._tokens_told + int(trainer.accelerator.gather(mine).sum())
        self._tokens_told = self.tokens_seen
        logs["tokens_seen"] = self.tokens_seen  # in place: an evaluation returns what trl adds to these very logs
        super().log(logs, start_time)  # type: ignore[misc]


class Counted(TokenCount):
    """Counts the tokens of each batch that a step is made of."""

    def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any) -> torch.Tensor:
        """As trl's; the tokens of the batch are counted."""
        # What is there for an estimate only (KTO's KL term) is not trained on.
        masks = [mask for name, mask in inputs.items() if name.endswith(MASK) and not name.startswith("KL_")]
        self.tokens_seen += sum(int(mask.sum()) for mask in masks) if masks else inputs["input_ids"].numel()
        found: torch.Tensor = super().training_step(model, inputs, *rest)  # type: ignore[misc]
        return found


class Prepared(Counted):
    """Gets rows as tokens that nothing is to be left out of."""

    def _prepare_dataset(self, dataset: Any, *_how: Any) -> Any:
        """There is nothing to do."""
        return dataset


def counting(trainer: Any) -> Any:
    """The trainer class, counting tokens: one of trl's own does not do it."""
    return trainer if issubclass(trainer, TokenCount) else type(trainer.__name__, (Counted, trainer), {})
