"""The fastest way to do what a config asks for within a device's memory: micro-batch, accumulation, checkpointing.

The effective batch (micro-batch × accumulation) stays exactly as it is, so that the same is learned. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from finetune_app.jobs.plan.devices import Device
from finetune_app.jobs.plan.memory_model import Memory, evaluation_bytes, predict_memory
from finetune_app.jobs.plan.paths import path_for
from finetune_app.jobs.plan.rows import Rows
from finetune_app.jobs.plan.shapes import ModelShape
from finetune_app.jobs.plan.time_model import RunTime, predict_time
from finetune_app.jobs.training_config import TrainingConfig

USED_SHARE = 0.9  # of a device: what is left takes the error of the prediction and memory in pieces too small to use
EQUALLY_FAST = 1.03  # of the fastest plans the one that needs the least is taken
# Methods whose loss does not depend on how a step's rows are split into micro-batches; a method that is not named here
# keeps its micro-batch.
SPLITTABLE = {"sft", "dpo", "reward"}
# Losses of DPO that compare the rows of a micro-batch with each other or keep a running mean over micro-batches.
WHOLE_BATCH_LOSSES = {"aot", "aot_unpaired", "bco_pair"}


@dataclass(frozen=True)
class Situation:
    """What a plan is made for.

    Attributes:
        memory_factor: what measured peaks of earlier runs were of the predicted ones.
        speed_factor: by how much earlier runs were faster than predicted.
        lean: whether the trainer goes its lean way, where that is known.
    """

    shape: ModelShape
    device: Device
    rows: Rows
    memory_factor: float = 1.0
    speed_factor: float = 1.0
    lean: bool | None = None


@dataclass(frozen=True)
class Plan:
    """How a config would run: `config` as it would be carried out, and what that needs."""

    config: TrainingConfig
    memory: Memory
    time: RunTime
    evaluation_bytes: int

    @property
    def needed_bytes(self) -> int:
        """The least memory that a device must have: for training, and for scoring afterwards."""
        return max(self.memory.needed_bytes, self.evaluation_bytes)


def make_plan(config: TrainingConfig, situation: Situation) -> Plan:
    """What exactly this config needs."""
    shape, device, rows, lean = situation.shape, situation.device, situation.rows, situation.lean
    path = path_for(config, device, lean=lean)
    batch = rows.batch(config, config.per_device_train_batch_size, padded=path.padded)
    memory = predict_memory(shape, config, device, batch, lean=lean).scaled(situation.memory_factor)
    time = predict_time(shape, config, device, rows, factor=situation.speed_factor, lean=lean)
    return Plan(config, memory, time, evaluation_bytes(shape, config, device, batch))


def choose_plan(config: TrainingConfig, situation: Situation, *, limit_bytes: int | None = None) -> Plan:
    """The fastest plan that fits, or that needs the least when none does; as it is set when nothing may be chosen.

    Args:
        config: what is asked for.
        situation: where and on what.
        limit_bytes: what may be used, else `USED_SHARE` of the device.
    """
    if not config.fit_to_device:
        return make_plan(config, situation)
    limit = limit_bytes if limit_bytes is not None else round(USED_SHARE * situation.device.memory_bytes)
    plans = [make_plan(variant, situation) for variant in variants(config)]
    fitting = [plan for plan in plans if plan.memory.needed_bytes <= limit]
    if not fitting:
        return min(plans, key=lambda plan: plan.memory.needed_bytes)
    fastest = min(plan.time.seconds for plan in fitting)
    fast = [plan for plan in fitting if plan.time.seconds <= EQUALLY_FAST * fastest]
    return min(fast, key=lambda plan: plan.memory.needed_bytes)


def least_bytes(config: TrainingConfig, situation: Situation) -> int:
    """The least memory with which a device can carry the config out at all."""
    plans = variants(config) if config.fit_to_device else iter([config])
    return min(make_plan(variant, situation).needed_bytes for variant in plans)


def variants(config: TrainingConfig) -> Iterator[TrainingConfig]:
    """Every way to carry the config out that learns the same."""
    for size in micro_batches(config):
        for checkpointing in (False, True):
            yield changed(config, size, gradient_checkpointing=checkpointing)


def micro_batches(config: TrainingConfig) -> list[int]:
    """The micro-batches that make up the effective batch in whole steps, largest first."""
    whole = config.effective_batch_size
    if config.method not in SPLITTABLE or getattr(config, "loss_type", "") in WHOLE_BATCH_LOSSES:
        return [config.per_device_train_batch_size]
    return [size for size in range(min(whole, 1024), 0, -1) if whole % size == 0 and whole // size <= 1024]  # noqa: PLR2004 - the bounds of both options


def changed(config: TrainingConfig, micro_batch: int, **options: Any) -> TrainingConfig:
    """The config with another micro-batch and the same effective one."""
    split = {
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": config.effective_batch_size // micro_batch,
    }
    return config.model_copy(update=split | options)
