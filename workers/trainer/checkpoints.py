"""All that is needed to go on from a step, written whole or not at all and read back to the last bit.

A checkpoint is a folder `checkpoints/step-N` in the run folder. The Trainer's own files hold optimizer, scheduler,
scaler, random numbers and its place in the rows, so its own way of resuming reads them; beside them lie the trained
weights in their exact dtype, `run.json`, and what is known of the best step. A run that goes on from it, on the same
kind of processor, ends with the same bytes as one that was never stopped.
"""
# ruff: noqa: ARG002 - the Trainer passes everything to every callback

import copy
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import CheckpointEvent
from workers.child import STOPPED, ChildFailure, emit, is_stop_asked, stop_waits
from workers.spec import RunSpec
from workers.trainer.best import state_files
from workers.trainer.callbacks import StepEvents
from workers.trainer.held_out import HeldOut
from workers.trainer.run_state import RunState
from workers.trainer.schedule import follow_config

FOLDER, WEIGHTS, TRAINER_STATE = "checkpoints", "trained.safetensors", "trainer_state.json"
LONGEST_SECONDS = 600.0  # that a lost worker may cost, where no interval is told


class Checkpoints(TrainerCallback):
    """Writes checkpoints while `trainer` trains, and goes on from the one that the spec names.

    It belongs behind `steps` and `held_out` in the list of callbacks: what happened at a step is in its checkpoint.

    Args:
        spec: as it is carried out, with the split of the batch that was chosen.
        trainer: any of the methods' trainers.
        steps: the clock of the run.
        held_out: the looks at the held-out rows, if there are any.
        run_folder: where checkpoints are written.
    """

    def __init__(
        self, spec: RunSpec, trainer: Any, steps: StepEvents, held_out: HeldOut | None, run_folder: Path
    ) -> None:
        self._config, self._trainer, self._steps, self._held_out = spec.config, trainer, steps, held_out
        self._run_folder = run_folder
        self._resumed = spec.resume_folder
        self._before: RunState | None = None
        self._saved_step = 0
        self._saved_at = time.monotonic()
        if self._resumed:
            self._before = self._take_up(RunState.load(self._resumed))
        trainer.add_callback(self)

    def train(self) -> int:
        """Train to the end, from the beginning or from the checkpoint; the last step.

        A stop that comes meanwhile waits for the step's end, and a checkpoint is written then.
        """
        with stop_waits(), _own_weights(self._trainer):
            try:
                self._trainer.train(resume_from_checkpoint=str(self._resumed) if self._resumed else None)
            except _NothingLeft:
                pass
            except SystemExit:
                # Raised between two steps, or while the held-out rows were looked at after one.
                if self._trainer.args.world_size == 1 and self._trainer.state.global_step > self._saved_step:
                    self._save()
                raise
        return int(self._trainer.state.global_step)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """What was loaded is made to follow the config; a checkpoint of the run's end has nothing left to train.

        Raises:
            _NothingLeft: to end the Trainer's loop, which would train one step more.
        """
        self._saved_at = time.monotonic()
        if self._before is None:
            return
        follow_config(self._before.config, self._config, self._trainer)
        held_out, step = self._held_out, state.global_step
        if held_out and self._before.looked_at != step and held_out.is_due(step, state.max_steps):
            held_out.make_up(state)
        if held_out and held_out.best.is_patience_over and step < state.max_steps:
            held_out.say_it_ended(step)
            raise _NothingLeft
        if step >= state.max_steps:
            raise _NothingLeft

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """After a step: a checkpoint where one is due, and the stop that was asked for."""
        if "loss" not in (logs or {}):
            return
        is_asked, is_late = self._agreed(is_stop_asked(), self._is_late())
        if is_asked or is_late or control.should_training_stop or self._is_due(state):
            self._save()
        if is_asked:
            raise SystemExit(STOPPED)

    def _take_up(self, before: RunState) -> RunState:
        self._saved_step = before.step
        self._steps.go_on(before)
        if hasattr(self._trainer, "tokens_seen"):
            self._trainer.tokens_seen = before.tokens
        if self._held_out:
            self._held_out.looked_at = before.looked_at
        return before

    def _is_due(self, state: TrainerState) -> bool:
        if state.global_step == state.max_steps:
            return True
        if self._config.save_steps is not None:
            return state.global_step % self._config.save_steps == 0
        return self._held_out is not None and self._held_out.is_due(state.global_step, state.max_steps)

    def _is_late(self) -> bool:
        return self._config.save_steps is None and time.monotonic() - self._saved_at > LONGEST_SECONDS

    def _agreed(self, *flags: bool) -> list[bool]:
        """What any of the processes says; they must all write at the same step."""
        if self._trainer.args.world_size == 1:
            return list(flags)
        said = torch.tensor(flags, dtype=torch.int32, device=self._trainer.args.device)
        distributed.all_reduce(said, distributed.ReduceOp.MAX)
        return [bool(flag) for flag in said.tolist()]

    def _save(self) -> None:
        start = time.monotonic()
        trainer, step = self._trainer, int(self._trainer.state.global_step)
        folder = self._run_folder / FOLDER / f"step-{step}"
        partial = folder.with_name(f"{folder.name}.partial")
        is_first = trainer.is_world_process_zero()
        if is_first:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        trainer.accelerator.wait_for_everyone()
        trainer._save_optimizer_and_scheduler(str(partial))  # noqa: SLF001 - with `fsdp`, the weights too
        trainer._save_scaler(str(partial))  # noqa: SLF001
        trainer._save_rng_state(str(partial))  # noqa: SLF001
        if is_first:
            self._write_own(partial, step)
        trainer.accelerator.wait_for_everyone()
        self._saved_step, self._saved_at = step, time.monotonic()
        self._steps.leave_out(self._saved_at - start)
        if is_first:
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
            best = self._held_out.best.state if self._held_out else None
            is_best = best is not None and best.step == step
            loss = best.loss if best and is_best else None
            emit(CheckpointEvent(step=step, folder=f"{FOLDER}/{folder.name}", best=is_best, loss=loss))

    def _write_own(self, partial: Path, step: int) -> None:
        trainer = self._trainer
        if not trainer.is_fsdp_enabled:
            save_file(
                {name: weight.detach().cpu().contiguous() for name, weight in _trained(trainer.model).items()},
                partial / WEIGHTS,
            )
        state = copy.copy(trainer.state)
        state.log_history = []  # every step is an event already
        state.save_to_json(str(partial / TRAINER_STATE))
        RunState(
            step=step,
            seconds=self._steps.seconds,
            tokens=self._steps.tokens,
            loss=self._steps.final_loss,
            loss_sum=self._steps.loss_sum,
            looked_at=self._held_out.looked_at if self._held_out else None,
            config=self._config.model_dump(mode="json"),
        ).save(partial)
        for name in state_files(self._run_folder):
            (partial / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(self._run_folder / name, partial / name)


class _NothingLeft(Exception):
    """The checkpoint is that of the run's last step."""


@contextmanager
def _own_weights(trainer: Any) -> Iterator[None]:
    """Let the Trainer's resuming read our file of weights: its own way reads adapters only, in another dtype."""
    if trainer.is_fsdp_enabled:
        yield
        return
    trainer._load_from_checkpoint = lambda folder, model=None: _load_weights(Path(folder), model or trainer.model)  # noqa: SLF001
    try:
        yield
    finally:
        del trainer._load_from_checkpoint  # noqa: SLF001


def _load_weights(folder: Path, model: torch.nn.Module) -> None:
    kept, trained = load_file(folder / WEIGHTS), _trained(model)
    if kept.keys() != trained.keys() or any(kept[name].shape != trained[name].shape for name in kept):
        raise ChildFailure(Cause.CRASHED, "The checkpoint holds other weights than those that this run trains.")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(kept[name])


def _trained(model: torch.nn.Module) -> dict[str, Any]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
