"""What the Trainer tells while it runs, as events: each logged step, checked by the guard."""
# ruff: noqa: ARG002 - the Trainer passes everything to every callback

import math
import time
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finetune_app.jobs.events import PhaseEvent, StepEvent
from finetune_app.jobs.states import Phase
from workers.child import emit
from workers.trainer.guards import StepGuard
from workers.trainer.run_state import RunState

# What methods measure beyond the loss, by trl's names; all else that the Trainer logs is told already or of no use.
EXTRA_NAMES = frozenset({"kl", "margin", "accuracy", "mean_reward", "mean_token_accuracy", "entropy"})
EXTRA_GROUPS = ("rewards/", "logps/")


def extra_figures(logs: Mapping[str, float]) -> dict[str, float | None]:
    """The method's own figures among those that are logged at a step; null for one that is not finite."""
    return {
        name: value if math.isfinite(value) else None
        for name, value in logs.items()
        if name in EXTRA_NAMES or name.startswith(EXTRA_GROUPS)
    }


class StepEvents(TrainerCallback):
    """Emits a `StepEvent` for each logged step; afterwards `last`, `seconds` and so on tell how it went."""

    def __init__(self, guard: StepGuard) -> None:
        self._guard = guard
        self._start = 0.0
        self._before: RunState | None = None
        self.last: StepEvent | None = None
        self.loss_sum = 0.0

    @property
    def seconds(self) -> float:
        """Since training began, earlier attempts included, up to the last logged step."""
        return self._newest.seconds if self._newest else 0.0

    @property
    def tokens(self) -> int:
        """Seen since training began, earlier attempts included."""
        return self._newest.tokens if self._newest else 0

    @property
    def final_loss(self) -> float | None:
        """Of the last step."""
        return self._newest.loss if self._newest else None

    def mean_loss(self, steps: int) -> float | None:
        """The mean of the losses of all `steps` so far."""
        return self.loss_sum / steps if steps else None

    def go_on(self, before: RunState) -> None:
        """Count on from a checkpoint."""
        self._before, self.loss_sum = before, before.loss_sum

    @property
    def _newest(self) -> StepEvent | RunState | None:
        return self.last or self._before

    def leave_out(self, seconds: float) -> None:
        """So much time since training began went into something else."""
        self._start += seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The clock of the run starts with its first batch."""
        self._start = time.monotonic() - self.seconds
        emit(PhaseEvent(phase=Phase.TRAINING, done=state.global_step, total=state.max_steps))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """One optimizer step; the Trainer's summary at the end has no `loss` and is passed over."""
        if not logs or "loss" not in logs:
            return
        self.last = StepEvent(
            step=state.global_step,
            total_steps=state.max_steps,
            epoch=state.epoch or 0.0,
            loss=logs["loss"],
            learning_rate=logs["learning_rate"],
            grad_norm=logs.get("grad_norm"),
            tokens=int(logs["tokens_seen"]),
            seconds=time.monotonic() - self._start,
            extra=extra_figures(logs),
        )
        self.loss_sum += logs["loss"]
        emit(self.last)
        self._guard.check(state.global_step, logs["loss"], logs.get("grad_norm"))
