"""The plan of a run on the device that it is on: micro-batch, accumulation and checkpointing, and what they will need.

The same pure functions as on the page of a new job decide, with the real lengths of the rows and the memory that is
free now. The effective batch stays exactly as it is, so the loss of each step does.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import torch

from adapters.base_texts import CONFIG
from finetune_app.jobs.plan.choose import USED_SHARE, Plan, Situation, choose_plan
from finetune_app.jobs.plan.devices import GIB
from finetune_app.jobs.plan.devices import Device as PlannedDevice
from finetune_app.jobs.plan.rows import Rows, length_around
from finetune_app.jobs.plan.shapes import model_shape
from finetune_app.jobs.plan.time_model import flops_per_token
from finetune_app.jobs.training_config import TrainingConfig
from workers.child import log
from workers.encoding import MASKED
from workers.loading import Device, LoadedBase
from workers.meeting import least_of_all
from workers.ranks import world_size
from workers.spec import RunSpec

# A step of SmolLM2-135M (nf4, 8 rows, 2 cores): 2.8 s with 32, since most are made anew, 1.7 s with 64 and with 128.
KERNELS_KEPT = "64"
PIECES = "seq_lengths"  # of a pack, as trl names them
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Fitted:
    """The spec as it will be carried out, and what was chosen and predicted, for the `PlanEvent`.

    Attributes:
        flops_per_token: what the run has to compute for each real token; None when the base's shape is not known.
    """

    spec: RunSpec
    facts: dict[str, Any]
    flops_per_token: float | None = None


def fit(spec: RunSpec, base: LoadedBase, lengths: Rows, *, lean: bool) -> Fitted:
    """Choose for this device.

    Args:
        spec: what is asked for; without `fit_to_device` nothing is chosen, only predicted.
        base: loaded, so that its memory is taken already.
        lengths: of the rows to learn from.
        lean: whether the trainer goes its lean way.
    """
    config = spec.config
    shape = model_shape(
        json.loads((spec.base_folder / CONFIG).read_text()),
        parameters=base.identity.parameters,
        modules=base.identity.linear_modules,
    )
    if shape is None:
        return Fitted(spec, _chosen(config))
    device, free = planned_device(base.device), least_of_all(free_bytes(base.device))
    situation = Situation(shape, device, lengths, memory_factor=spec.memory_factor, lean=lean)
    plan = choose_plan(config, situation, limit_bytes=round(USED_SHARE * free))
    if plan.config != config:
        log(_sentence(plan, config, free))
    # What is computed again for checkpointing is no progress, so it does not count.
    once = config.model_copy(update={"gradient_checkpointing": False})
    return Fitted(
        spec.model_copy(update={"config": plan.config}),
        _chosen(plan.config) | _predicted(plan, spec, free),
        flops_per_token(shape, once, lengths.average(once)),
    )


def row_lengths(dataset: Any, config: TrainingConfig) -> Rows:
    """The lengths of tokenized rows, from the columns that hold token ids (`input_ids`, `chosen_ids` and so on).

    A row of several parts counts as its prompt and the longer of the others.
    """
    table = dataset.data
    names = [
        name for name in table.column_names if name.endswith("ids") and pa.types.is_list(table.schema.field(name).type)
    ]
    prompts = [_counts(table.column(name)) for name in names if "prompt" in name]
    others = [_counts(table.column(name)) for name in names if "prompt" not in name]
    lengths = sum(prompts) + (np.maximum.reduce(others) if others else 0) if names else np.full(1, config.max_length)
    lengths = np.minimum(lengths, config.max_length)
    if "labels" in table.column_names:
        unlearned = np.maximum(lengths - _learned(table.column("labels")), 0)
    else:
        unlearned = np.minimum(sum(prompts, np.zeros(len(lengths), np.int64)), lengths)
    pieces = length_around(_flat(table.column(PIECES))) if PIECES in table.column_names else 0.0
    return Rows.known(lengths, unlearned, count=len(dataset), pieces=pieces)


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    return np.concatenate([np.asarray(chunk.flatten(), np.int64) for chunk in column.chunks])


def _counts(column: pa.ChunkedArray) -> np.ndarray:
    return pc.list_value_length(column).to_numpy().astype(np.int64)


def _learned(column: pa.ChunkedArray) -> np.ndarray:
    sums = []
    for chunk in column.chunks:
        is_learned = chunk.flatten().to_numpy(zero_copy_only=False) != MASKED
        ends = np.cumsum(pc.list_value_length(chunk).to_numpy(zero_copy_only=False))
        before = np.concatenate([[0], np.cumsum(is_learned, dtype=np.int64)])
        sums.append(np.diff(before[ends], prepend=0))
    return np.concatenate(sums) if sums else np.zeros(0, np.int64)


def planned_device(device: Device) -> PlannedDevice:
    """The run's device as the plan sees it."""
    if device.kind == "cuda":
        memory = torch.cuda.get_device_properties(0).total_memory
        return PlannedDevice("cuda", device.name, memory, device.base_dtype is torch.bfloat16)
    has_bf16 = device.base_dtype is torch.bfloat16
    return PlannedDevice("cpu", device.name, psutil.virtual_memory().total, has_bf16, torch.get_num_threads())


def free_bytes(device: Device) -> int:
    """What this run may use: what is free now and what it holds already."""
    if device.kind == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return int(free + torch.cuda.memory_reserved())
    own = int(psutil.Process().memory_info().rss)
    return min(int(psutil.virtual_memory().available), container_free_bytes()) // world_size() + own


def container_free_bytes(root: Path = CGROUP) -> int:
    """What the container may still take; without a container, or without a limit, more than any machine has."""
    try:
        limit, held = ((root / name).read_text().strip() for name in ("memory.max", "memory.current"))
        told = dict(line.split() for line in (root / "memory.stat").read_text().splitlines())
    except OSError:
        return sys.maxsize
    if not limit.isdecimal():
        return sys.maxsize
    # Files that were read are held too, and given up when memory is short.
    return max(0, int(limit) - int(held) + int(told.get("inactive_file", 0)) + int(told.get("active_file", 0)))


def bound_kernel_cache() -> None:
    """Keep few kernels for shapes of the past, where the environment does not say otherwise; before anything computes.

    oneDNN keeps 1,024 of them, each with its buffers: on a processor, bfloat16 batches of many lengths made a run of
    1.7 GB grow to 3.5 GB in 64 batches, and were no faster for it.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS_KEPT)


def _chosen(config: TrainingConfig) -> dict[str, Any]:
    return {
        "per_device_train_batch_size": config.per_device_train_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "gradient_checkpointing": config.gradient_checkpointing,
    }


def _predicted(plan: Plan, spec: RunSpec, free: int) -> dict[str, Any]:
    return {
        "predicted_memory_bytes": plan.memory.peak_bytes,
        "predicted_tokens_per_second": round(plan.time.tokens_per_second, 1),
        "memory_factor": spec.memory_factor,
        "free_memory_bytes": free,
    }


def _sentence(plan: Plan, config: TrainingConfig, free: int) -> str:
    chosen = plan.config
    ways = f"{chosen.per_device_train_batch_size} × {chosen.gradient_accumulation_steps} rows a step"
    asked = f"{config.per_device_train_batch_size} × {config.gradient_accumulation_steps}"
    again = "with" if chosen.gradient_checkpointing else "without"
    need, have = plan.memory.needed_bytes / GIB, free / GIB
    return (
        f"Fitted to the device: {ways} instead of {asked}, {again} checkpointing; it will need about {need:.1f} GiB of "
        f"the {have:.1f} GiB that are free."
    )
