"""Runs that cannot end well are stopped with their cause: nothing to learn from, a loss or gradient that went wrong."""

import math
from dataclasses import dataclass

from finetune_app.datasets.cut_rows import CutRows
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.trainer.examples import Example

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


class LearnedTokens:
    """Counts what is learned in one epoch while the rows are tokenized; afterwards `check` refuses what is not there.

    A row of which nothing is learned would train on nothing or be dropped by the library without a word.

    Args:
        max_length: of the run.
        leaves_out: such rows are counted in `left_out` and not refused, as long as others are left.
    """

    def __init__(self, max_length: int, *, leaves_out: bool = False) -> None:
        self.count = 0
        self._max_length, self._leaves_out = max_length, leaves_out
        self._cut = CutRows()

    @property
    def left_out(self) -> int:
        """How many rows are not learned from."""
        return self._cut.count

    def takes(self, row: Example) -> bool:
        """Count one row; whether it belongs into the dataset."""
        self.count += row.learned
        if row.learned == 0:
            self._cut.add(row.number, tokens=row.tokens, learned_from=row.learned_from)
        return row.learned > 0

    def check(self) -> None:
        """Look at what was counted.

        Raises:
            ChildFailure: NOTHING_TO_TRAIN when that is so of every row, ANSWERS_CUT when it is so of some.
        """
        if self._cut.count and not (self._leaves_out and self.count):
            cause = Cause.ANSWERS_CUT if self.count else Cause.NOTHING_TO_TRAIN
            raise ChildFailure(cause, self._cut.sentence(self._max_length))
