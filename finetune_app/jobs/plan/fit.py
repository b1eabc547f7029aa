"""Whether a job fits a device, and the smallest change that would make it fit. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from finetune_app.jobs.option_rules import broken_rules
from finetune_app.jobs.plan.choose import Plan, Situation, changed, choose_plan, micro_batches
from finetune_app.jobs.plan.devices import GIB
from finetune_app.jobs.training_config import TrainingConfig

TIGHT_SHARE = 0.85
SHORTEST, LOWEST_RANK = 128, 4


class Verdict(StrEnum):
    """How a job's need stands to a device's memory; “tight” is above 85 % of it."""

    FITS = "fits"
    TIGHT = "tight"
    DOES_NOT_FIT = "does_not_fit"


@dataclass(frozen=True)
class Change:
    """Options that would make a job fit, and the same in words."""

    options: dict[str, Any]
    text: str


@dataclass(frozen=True)
class Fit:
    """A job on one device; `change` where it does not fit and something would make it."""

    plan: Plan
    verdict: Verdict
    change: Change | None


def judge(config: TrainingConfig, situation: Situation) -> Fit:
    """The plan of `config` on the situation's device, with its verdict; it is tight only when no way is lighter."""
    plan = choose_plan(config, situation, limit_bytes=round(TIGHT_SHARE * situation.device.memory_bytes))
    verdict = verdict_of(plan.needed_bytes, situation.device.memory_bytes)
    change = find_change(config, situation) if verdict is Verdict.DOES_NOT_FIT else None
    return Fit(plan, verdict, change)


def verdict_of(needed_bytes: int, memory_bytes: int) -> Verdict:
    """How `needed_bytes` stand to a device's memory."""
    if needed_bytes > memory_bytes:
        return Verdict.DOES_NOT_FIT
    return Verdict.TIGHT if needed_bytes > TIGHT_SHARE * memory_bytes else Verdict.FITS


def find_change(config: TrainingConfig, situation: Situation) -> Change | None:
    """The first change, from the smallest to the largest, with which the config fits; None when none does."""
    for variant in filter(_is_allowed, _changes(config)):
        plan = choose_plan(variant, situation)
        if plan.needed_bytes <= situation.device.memory_bytes:
            options = _difference(config, variant)
            return Change(options, _words(options, plan))
    return None


def _changes(config: TrainingConfig) -> Iterator[TrainingConfig]:
    """First what changes nothing that is learned, then the base's precision, then what is learned from and with."""
    yield from _splits(config)
    lighter = config
    if config.quantization not in {"nf4", "fp4"}:
        in_four_bits = config.model_copy(update={"quantization": "nf4"})
        lighter = in_four_bits if _is_allowed(in_four_bits) else config
        yield lighter
        yield from _splits(lighter)
    smallest = lighter if lighter.fit_to_device else _smallest(lighter)
    length = config.max_length // 2
    while length >= SHORTEST:
        smallest = smallest.model_copy(update={"max_length": length})
        yield smallest
        length //= 2
    rank = config.r // 2
    while rank >= LOWEST_RANK:
        alpha = max(1, round(config.lora_alpha * rank / config.r))
        yield smallest.model_copy(update={"r": rank, "lora_alpha": alpha})
        rank //= 2


def _is_allowed(config: TrainingConfig) -> bool:
    """Whether its options go together; a copy with other values was not checked."""
    return not (broken_rules(config) or config.broken_by_method())


def _splits(config: TrainingConfig) -> Iterator[TrainingConfig]:
    """Smaller micro-batches, then checkpointing with them; a worker that may choose does this by itself."""
    if config.fit_to_device:
        return
    smaller = [size for size in micro_batches(config) if size < config.per_device_train_batch_size]
    for size in smaller:
        yield changed(config, size)
    if not config.gradient_checkpointing:
        for size in [config.per_device_train_batch_size, *smaller]:
            yield changed(config, size, gradient_checkpointing=True)


def _smallest(config: TrainingConfig) -> TrainingConfig:
    return changed(config, micro_batches(config)[-1], gradient_checkpointing=True)


def _difference(before: TrainingConfig, after: TrainingConfig) -> dict[str, Any]:
    return {name: value for name, value in after if value != getattr(before, name)}


def _words(options: dict[str, Any], plan: Plan) -> str:
    said = []
    if "per_device_train_batch_size" in options:
        size, times = options["per_device_train_batch_size"], options["gradient_accumulation_steps"]
        said.append(f"a batch of {size} with {times} accumulated (the effective batch stays)")
    if "gradient_checkpointing" in options:
        said.append("gradient checkpointing")
    if "quantization" in options:
        said.append("the base in 4 bits (nf4)")
    if "max_length" in options:
        said.append(f"a max length of {options['max_length']}")
    if "r" in options:
        said.append(f"rank {options['r']}")
    *first, last = said
    joined = f"{', '.join(first)} and {last}" if first else last
    return f"It would fit with {joined}: {plan.needed_bytes / GIB:.1f} GiB."


def with_device_memory(situation: Situation, memory_bytes: int) -> Situation:
    """The same on a device with that much memory."""
    return replace(situation, device=replace(situation.device, memory_bytes=memory_bytes))
