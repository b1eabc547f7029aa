"""The held-out rows while training: looked at every so many steps, told as events, and what follows from them.

The steps that are evaluated depend on the config and the rows alone, never on how fast the machine is, so that the same
job gives the same adapter everywhere. Only whether the sample answers come along depends on the time that they take.
"""
# ruff: noqa: ARG002 - the Trainer passes everything to every callback

import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finetune_app.jobs.events import Answer, HeldOutEvent, PhaseEvent
from finetune_app.jobs.states import Phase
from finetune_app.jobs.training_config import TrainingConfig
from workers.child import emit, log
from workers.spec import RunSpec
from workers.trainer.best import Best
from workers.trainer.callbacks import StepEvents
from workers.trainer.held_out_loss import Look, look_at_tokens, look_by_trainer
from workers.trainer.held_out_mode import looking_at
from workers.trainer.held_out_rows import HeldOutRows, tokenize_held_out
from workers.trainer.samples import Samples

LOOKS = 5
# Looking at a row costs about 0.4 of training on it, so together the looks take about a tenth of the training's time.
LOOKED_AT_SHARE = 0.25
ANSWERS_SHARE = 0.05  # of the training's time so far
ANSWERS_SECONDS = 2.0  # that they may take in any case


def interval(config: TrainingConfig, max_steps: int, rows: int) -> int:
    """Every how many steps `rows` held-out rows are looked at: as told, else about five times in the run.

    Fewer when the looks would take long beside the training; the last step is evaluated in any case.
    """
    if config.eval_steps is not None:
        return config.eval_steps
    affordable = int(LOOKED_AT_SHARE * config.effective_batch_size * max_steps / max(1, rows))
    return math.ceil(max_steps / max(1, min(LOOKS, affordable)))


def watch_held_out(spec: RunSpec, trainer: Any, steps: StepEvents, run_folder: Path) -> "HeldOut | None":
    """Let `trainer`, which `steps` belongs to, look at the held-out rows while it trains; None when there are none.

    Raises:
        ChildFailure: the chat template refuses a row.
    """
    rows = tokenize_held_out(spec, trainer.processing_class)
    if not rows.count:
        return None
    callback = HeldOut(spec, trainer, rows, steps, run_folder)
    trainer.add_callback(callback)
    return callback


class HeldOut(TrainerCallback):
    """Looks every `interval` steps and at the last one; stops the run when patience is over.

    It belongs behind `steps` in the list of callbacks: an evaluation follows its step's own event.
    """

    def __init__(self, spec: RunSpec, trainer: Any, rows: HeldOutRows, steps: StepEvents, run_folder: Path) -> None:
        config = spec.config
        self._config, self._trainer, self._rows, self._steps = config, trainer, rows, steps
        self._samples = Samples(rows.asked, trainer.processing_class, trainer.model)
        self._answers_seconds = 0.0  # in the middle of the run; the first and the last time are given in any case
        self._said_rarely = False
        self._stopped_at: int | None = None
        self.looked_at: int | None = None
        self.best = Best(
            run_folder,
            patience=config.early_stopping_patience,
            threshold=config.early_stopping_threshold,
            keeps_weights=config.load_best_model_at_end,
        )
        if spec.resume_folder:
            self.best.resume(spec.resume_folder)

    def is_due(self, step: int, max_steps: int) -> bool:
        """Whether `step` of a run of `max_steps` is evaluated."""
        return step == max_steps or step % interval(self._config, max_steps, self._rows.count) == 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """After a step that is due; logs without its loss are an evaluation's own or the summary at the end."""
        if "loss" not in (logs or {}) or not self.is_due(state.global_step, state.max_steps):
            return
        is_last = state.global_step == state.max_steps
        self._look(state, with_answers=is_last or self._affords_answers())
        if self.best.is_patience_over and not is_last:
            control.should_training_stop = True
            self._stopped_at = state.global_step
            log(
                f"Stopped early at step {state.global_step}: the held-out loss has not fallen in "
                f"{self.best.state.waited} evaluations."
            )

    def make_up(self, state: TrainerState) -> None:
        """A look that was due at this step when the run was stopped."""
        self._look(state, with_answers=True)
        emit(PhaseEvent(phase=Phase.TRAINING, done=state.global_step, total=state.max_steps))

    def say_it_ended(self, step: int) -> None:
        """The run had ended early at this step when it was stopped."""
        self._stopped_at = step

    def finish(self, step: int) -> dict[str, Any]:
        """Give the model its best adapter, when that is wanted; the facts of the evaluations."""
        best = self.best.state
        if self.best.restore(self._trainer.model, step):
            log(f"The adapter is that of step {best.step}, which has the lowest held-out loss ({best.loss:.4g}).")
        return {"best_step": best.step, "best_loss": best.loss, "stopped_early_at": self._stopped_at}

    def _look(self, state: TrainerState, *, with_answers: bool) -> None:
        emit(PhaseEvent(phase=Phase.EVALUATING, done=state.global_step, total=state.max_steps))
        start = time.monotonic()
        with looking_at(self._trainer.model):
            look = self._measured()
            answers = self._answers(state) if with_answers else []
        is_best = self.best.take(state.global_step, look.loss, self._trainer.model, writes=state.is_world_process_zero)
        self.looked_at = state.global_step
        seconds = time.monotonic() - start
        self._steps.leave_out(seconds)
        emit(
            HeldOutEvent(
                step=state.global_step,
                epoch=state.epoch or 0.0,
                loss=look.loss if math.isfinite(look.loss) else None,
                token_accuracy=look.accuracy,
                rows=self._rows.count,
                best=is_best,
                seconds=round(seconds, 3),
                answers=answers,
            )
        )

    def _measured(self) -> Look:
        look = (
            look_at_tokens(self._trainer, self._rows.features)
            if self._rows.dataset is None
            else look_by_trainer(self._trainer, self._rows.dataset)
        )
        if self._trainer.args.world_size == 1:
            return look
        # All processes must come to the same decision, whatever their last digit says.
        loss = broadcast(torch.tensor(look.loss, dtype=torch.float64, device=self._trainer.args.device))
        return Look(float(loss), look.accuracy)

    def _answers(self, state: TrainerState) -> list[Answer]:
        # In the precision of training: a module that is trained whole is float32 among others that are not.
        with self._trainer.accelerator.autocast():
            found = self._samples.answers(self._trainer.model)
        if 0 < state.global_step < state.max_steps:
            self._answers_seconds += self._samples.seconds or 0.0
        return found

    def _affords_answers(self) -> bool:
        """Whether the answers, with those already given, stay within their share of the training's time."""
        if self._samples.seconds is None:
            return True
        spent = self._answers_seconds + self._samples.seconds
        if spent <= max(ANSWERS_SECONDS, ANSWERS_SHARE * self._steps.seconds):
            return True
        if not self._said_rarely:
            self._said_rarely = True
            log(
                f"Sample answers take {self._samples.seconds:.1f} s, so not every evaluation has them: they may take "
                f"{ANSWERS_SHARE:.0%} of the training's time."
            )
        return False
