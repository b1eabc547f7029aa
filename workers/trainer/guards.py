"""Runs that cannot end well are stopped with their cause: nothing to learn from, a loss or gradient that went wrong."""

import math
from dataclasses import dataclass

import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import Dataset

from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure

MASKED = -100
PATIENCE_STEPS = 3
# Loss scaling starts high and steps down by overflowing: up to 16 steps without a finite gradient are normal.
FP16_PATIENCE_STEPS = 20


@dataclass
class StepGuard:
    """Watches loss and gradient norm of each logged step; `patience` steps in a row may have a bad gradient."""

    patience: int = PATIENCE_STEPS
    zero_gradients: int = 0
    wild_gradients: int = 0

    def check(self, step: int, loss: float, grad_norm: float | None) -> None:
        """Look at one step.

        Raises:
            ChildFailure: LOSS_NOT_FINITE or ZERO_GRADIENT.
        """
        if not math.isfinite(loss):
            raise ChildFailure(Cause.LOSS_NOT_FINITE, f"At step {step} the loss was {loss}.")
        if grad_norm is None:
            return
        self.zero_gradients = self.zero_gradients + 1 if grad_norm == 0.0 else 0
        self.wild_gradients = 0 if math.isfinite(grad_norm) else self.wild_gradients + 1
        if self.zero_gradients >= self.patience:
            raise ChildFailure(
                Cause.ZERO_GRADIENT,
                f"The gradient norm was exactly 0 in {self.patience} steps up to step {step}, at a loss of {loss:.3g}. "
                "A learning rate that is far too high can do that.",
            )
        if self.wild_gradients >= self.patience:
            raise ChildFailure(
                Cause.LOSS_NOT_FINITE, f"The gradient norm was {grad_norm} in {self.patience} steps up to step {step}."
            )


def count_trained_tokens(dataset: Dataset) -> int:
    """How many tokens of the tokenized dataset are learned from, in one epoch."""
    tables = dataset.select_columns("labels").with_format("arrow").iter(batch_size=1000)
    return sum(int(pc.sum(pc.not_equal(pc.list_flatten(table["labels"]), MASKED)).as_py() or 0) for table in tables)


def require_tokens(trained_tokens: int, max_length: int) -> None:
    """Refuse a dataset in which every token is masked or cut off.

    Raises:
        ChildFailure: NOTHING_TO_TRAIN.
    """
    if trained_tokens == 0:
        raise ChildFailure(
            Cause.NOTHING_TO_TRAIN, f"With a max length of {max_length} tokens, no answer token is left in any row."
        )
