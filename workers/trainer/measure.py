"""What a run measures of itself: its steady speed, its share of the device's peak, and its energy.

The share counts what the training needs and no more: each frozen weight 2 FLOP a token forward and 2 backward, each
trained one 6, attention within rows, the output head for learned tokens, and the reference's pass where the method has
one. What checkpointing computes again and what padding costs do not count. It is held against the datasheet's peak of
the GPU for dense matrices in 16 bits, and on a processor, which has no such figure, against a large matrix product that
is measured right after the training.
"""
# ruff: noqa: ARG002 - the Trainer passes everything to every callback

import time
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finetune_app.jobs.plan.devices import known_peak_flops
from workers.loading import Device
from workers.ranks import world_size
from workers.trainer.callbacks import StepEvents
from workers.trainer.energy import EnergyMeter, counters

WARM_UP_STEPS = 5  # in which kernels are compiled and memory is found
PRODUCT_SIZE = 1536
PRODUCTS = 3


class Measure(TrainerCallback):
    """Belongs behind `steps` in the list of callbacks, whose clock stands still in evaluations and saving."""

    def __init__(self, steps: StepEvents, device: Device) -> None:
        self._steps, self._device = steps, device
        self._energy = EnergyMeter([])
        self._seen = 0
        self._start = self._warm = (0, 0.0)
        self._first_step = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """From here on energy is counted, evaluations and checkpoints included."""
        self._energy = EnergyMeter(counters(self._device.kind))
        self._first_step = state.global_step + 1
        self._start = (self._steps.tokens, self._steps.seconds)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """After each step."""
        if "loss" not in (logs or {}):
            return
        self._seen += 1
        self._energy.sample()
        if self._seen == WARM_UP_STEPS:
            self._warm = (self._steps.tokens, self._steps.seconds)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The last evaluation and checkpoint have been, too."""
        self._energy.sample()

    @property
    def tokens_per_second(self) -> float | None:
        """Real tokens a second after the first steps of this attempt; of all its steps when it has few."""
        before = self._warm if self._seen > WARM_UP_STEPS else self._start
        tokens, seconds = self._steps.tokens - before[0], self._steps.seconds - before[1]
        return tokens / seconds if seconds > 0 and tokens > 0 else None

    def facts(self, flops_per_token: float | None) -> dict[str, Any]:
        """For the `DoneEvent`; what cannot be told is not there."""
        speed, joules = self.tokens_per_second, self._energy.joules
        facts: dict[str, Any] = {}
        if speed:
            facts["steady_tokens_per_second"] = round(speed, 1)
        one = peak_flops(self._device) if speed and flops_per_token else None
        peak = one * world_size() if one else None
        if speed and flops_per_token and peak:
            facts |= {"achieved_flops_share": round(speed * flops_per_token / peak, 4), "peak_flops": round(peak)}
        if joules is not None:
            facts["energy_joules"] = round(joules, 1)
            if self._first_step > 1:
                facts["energy_from_step"] = self._first_step
        return facts


def peak_flops(device: Device) -> float | None:
    """What the share is of, in FLOP/s; None for a GPU whose datasheet is not known here."""
    if device.kind == "cuda":
        return known_peak_flops(device.name) if device.base_dtype.itemsize <= 2 else None  # noqa: PLR2004 - 16 bits
    left, right = (torch.ones(PRODUCT_SIZE, PRODUCT_SIZE, dtype=device.base_dtype) for _ in range(2))
    seconds = min(_seconds(left, right) for _ in range(PRODUCTS))
    return 2 * PRODUCT_SIZE**3 / seconds


def _seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    start = time.perf_counter()
    left @ right
    return time.perf_counter() - start
