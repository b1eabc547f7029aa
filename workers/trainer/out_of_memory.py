"""Out of memory in a training step: the micro-batch is halved, the effective batch kept, and the run goes on.

Each micro-batch is computed with the gradients of the ones before it laid aside. So a pass that fails leaves nothing
behind, however far it came: what was laid aside comes back, and the same rows are computed anew in two parts.
"""

from typing import Any

import torch

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.plan.choose import SPLITTABLE, WHOLE_BATCH_LOSSES
from finetune_app.jobs.plan.rows import PAIRED
from finetune_app.jobs.training_config import TrainingConfig
from workers.child import ChildFailure, log
from workers.out_of_memory import is_out_of_memory, release_memory
from workers.trainer.lean.trainer import LeanTrainer
from workers.trainer.split import Batch, rows_in, split_pack, split_pairs, split_rows

SUMMED = {"sft"}  # whose loss is a sum over tokens by the count of the whole step; the others' is a mean over rows
COUNTERS = ("tokens_seen", "_total_train_tokens")
COMPARES = (
    "This loss compares the rows of a micro-batch with each other, so smaller ones change what is learned a little."
)


def split_when_out_of_memory(trainer: Any, config: TrainingConfig) -> "Splitter":
    """Let the trainer's steps survive a lack of memory.

    Not with several processes: all of them must compute the same number of passes.
    """
    splitter = Splitter(trainer, config)
    if trainer.args.world_size == 1:
        trainer.training_step = splitter.training_step
    return splitter


class Splitter:
    """Takes the place of a trainer's `training_step`; `facts` tell afterwards what it had to do."""

    def __init__(self, trainer: Any, config: TrainingConfig) -> None:
        self._trainer, self._step = trainer, trainer.training_step
        self._pairs, self._is_sum = config.method in PAIRED, config.method in SUMMED
        is_mean_of_rows = config.method in SPLITTABLE and getattr(config, "loss_type", "") not in WHOLE_BATCH_LOSSES
        self._note = "" if is_mean_of_rows else f" {COMPARES}"
        self._most_tokens: int | None = None
        self.facts: dict[str, int] = {}

    def training_step(
        self, model: torch.nn.Module, inputs: Batch, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """One micro-batch, in as many parts as memory asks for; loss and gradients are those of the whole.

        Raises:
            ChildFailure: OUT_OF_MEMORY, when one row alone does not fit.
        """
        rows = self._rows(inputs)
        waiting = self._parts(inputs)
        losses = []
        while waiting:
            part = waiting.pop(0)
            share = 1.0 if self._is_sum and num_items_in_batch is not None else self._rows(part) / rows
            failure = ""
            attempt = _Attempt(self._trainer, model)
            try:
                loss = self._step(model, part, num_items_in_batch)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failure = f"{type(error).__name__}: {error}"
            if failure:  # outside of the `except`, so that nothing holds the failed pass any more
                attempt.undo()
                release_memory()
                waiting = self._halves(part, failure) + waiting
            else:
                attempt.keep(share)
                losses.append(loss * share)
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _rows(self, batch: Batch) -> int:
        return rows_in(batch, pairs=self._pairs)

    def _parts(self, batch: Batch) -> list[Batch]:
        """The batch in parts that are known to fit."""
        if self._most_tokens is None or batch["input_ids"].numel() <= self._most_tokens:
            return [batch]
        halves = self._split(batch)
        return halves if len(halves) == 1 else [part for half in halves for part in self._parts(half)]

    def _split(self, batch: Batch) -> list[Batch]:
        if isinstance(self._trainer, LeanTrainer):
            return self._trainer.split_batch(batch)
        if self._pairs:
            return split_pairs(batch)
        is_pack = len(batch["input_ids"]) == 1 and "position_ids" in batch
        return split_pack(batch) if is_pack else split_rows(batch)

    def _halves(self, batch: Batch, failure: str) -> list[Batch]:
        halves = self._split(batch)
        tokens = batch["input_ids"].numel()
        if len(halves) == 1:
            raise ChildFailure(Cause.OUT_OF_MEMORY, f"One row alone ({tokens:,} tokens) does not fit. {failure}")
        self._most_tokens = max(half["input_ids"].numel() for half in halves)
        step, rows, most = self._trainer.state.global_step + 1, self._rows(batch), max(map(self._rows, halves))
        self.facts.setdefault("out_of_memory_at", step)
        self.facts["micro_batch_rows"] = min(most, self.facts.get("micro_batch_rows", most))
        log(
            f"Out of memory at step {step} with {rows} rows ({tokens:,} tokens) at once. The micro-batch is halved "
            f"from here on, the effective batch stays as it is.{self._note}",
            level="warning",
        )
        return halves


class _Attempt:
    """One pass whose gradients are kept apart from those before it until it is known to have succeeded."""

    def __init__(self, trainer: Any, model: torch.nn.Module) -> None:
        self._trainer = trainer
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._before = [weight.grad for weight in self._weights]
        self._counters = {name: getattr(trainer, name) for name in COUNTERS if hasattr(trainer, name)}
        metrics = getattr(trainer, "_metrics", None)
        self._metrics = None if metrics is None else {name: list(found) for name, found in metrics["train"].items()}
        for weight in self._weights:
            weight.grad = None

    def keep(self, share: float) -> None:
        """Add the pass, `share` of it, to what was there."""
        for weight, before in zip(self._weights, self._before, strict=True):
            if weight.grad is None:
                weight.grad = before
                continue
            if share != 1.0:
                weight.grad.mul_(share)
            if before is not None:
                weight.grad.add_(before)

    def undo(self) -> None:
        """As if the pass had not been."""
        for weight, before in zip(self._weights, self._before, strict=True):
            weight.grad = before
        for name, value in self._counters.items():
            setattr(self._trainer, name, value)
        if self._metrics is not None:
            self._trainer._metrics["train"].clear()  # noqa: SLF001 - trl's means of what is logged
            self._trainer._metrics["train"].update(self._metrics)  # noqa: SLF001
