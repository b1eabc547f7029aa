"""What the Trainer tells while it runs, as events: each logged step, checked by the guard, and the stop when asked."""
# ruff: noqa: ARG002 - the Trainer passes everything to every callback

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finetune_app.jobs.events import PhaseEvent, StepEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, stop_if_asked
from workers.trainer.guards import StepGuard


class StepEvents(TrainerCallback):
    """Emits a `StepEvent` for each logged step; afterwards `last` and `seconds` tell how it went."""

    def __init__(self, guard: StepGuard) -> None:
        self._guard = guard
        self._start = 0.0
        self.last: StepEvent | None = None

    @property
    def seconds(self) -> float:
        """Since training began, up to the last logged step."""
        return self.last.seconds if self.last else 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The clock of the run starts with its first batch."""
        self._start = time.monotonic()
        emit(PhaseEvent(phase=Phase.TRAINING, total=state.max_steps))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Between two steps a stop does no harm."""
        stop_if_asked()

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
        )
        emit(self.last)
        self._guard.check(state.global_step, logs["loss"], logs.get("grad_norm"))
