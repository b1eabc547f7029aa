"""How long a run takes on a device: its arithmetic over what the device reaches, and what each micro-batch costs. Pure.

A frozen weight takes 2 FLOP for each token forward and 2 backward (its own gradient is not computed), and 2 more when
the forward pass is computed again; an adapter's weight takes 6. Attention takes 4 FLOP for each pair of tokens and
value forward, of which causal attention computes half, and 2.5 times as much backward (Dao 2023).
"""

import math
from dataclasses import dataclass

from finetune_app.jobs.plan.devices import Device
from finetune_app.jobs.plan.memory_model import HALF, compute_bytes
from finetune_app.jobs.plan.paths import CROWDED_TOKENS, path_for
from finetune_app.jobs.plan.rows import Batch, Rows
from finetune_app.jobs.plan.shapes import ModelShape
from finetune_app.jobs.training_config import TrainingConfig

H100_FLOPS, H100_BYTES_PER_SECOND = 989.4e12, 3.35e12  # of the datasheet; other GPUs are taken to be alike in ratio
DEQUANTIZED_BYTES = 2.5  # read and written for each weight of 4 bits
DEQUANTIZING_LAUNCHES = 1.45  # kernels of a layer of 4 bits for one of a layer in bfloat16, measured by their time
CPU_BYTES_PER_SECOND = 4e9  # bitsandbytes' dequantization on one core, measured with `benchmarks/plan.py`
CPU_BF16_GAIN = 2.2  # of a processor with bfloat16 instructions over its float32, measured alike
START_SECONDS = 15  # of imports and loading a small base, on top of reading a large one
READ_BYTES_PER_SECOND = 1e9
# Passes without gradient beside the trained one: the reference's, and for KTO those of mismatched pairs.
EXTRA_PASSES = {"dpo": 1, "kto": 3}


@dataclass(frozen=True)
class RunTime:
    """`seconds` of training alone; `tokens_per_second` are real tokens, without padding."""

    seconds: float
    start_seconds: float
    steps: int
    tokens_per_second: float


def flops_per_token(shape: ModelShape, config: TrainingConfig, batch: Batch) -> float:
    """FLOP for each computed token of the batch."""
    again = 1 if config.gradient_checkpointing else 0
    forward_only = EXTRA_PASSES.get(config.method, 0)
    layers = 2.0 * shape.linear_parameters * (2 + again + forward_only)
    adapter = 2.0 * shape.trained_parameters(config) * (3 + again)
    pairs = min(batch.longest, config.max_length) / 2
    attention = 4.0 * shape.query * pairs * shape.layers * (3.5 + again + forward_only)
    learned = batch.learned / max(1, batch.tokens)
    head = 0.0 if config.method == "reward" else 2.0 * shape.head_parameters * learned * (2 + forward_only)
    return layers + adapter + attention + head


def reached_flops(config: TrainingConfig, device: Device) -> float:
    """What the device computes at most in the precision of this config, in FLOP/s."""
    in_bf16 = device.kind == "cpu" and compute_bytes(config, device) == HALF
    return device.peak_flops * (CPU_BF16_GAIN if in_bf16 else 1.0)


def micro_batch_seconds(
    shape: ModelShape, config: TrainingConfig, device: Device, batch: Batch, *, lean: bool | None = None
) -> float:
    """One micro-batch, forward and backward."""
    path = path_for(config, device, lean=lean)
    again = 1 if config.gradient_checkpointing else 0
    computed = (
        batch.mean_tokens * flops_per_token(shape, config, batch) / (reached_flops(config, device) * path.flops_share)
    )
    computed *= 1 + path.crowding * max(0.0, math.log2(max(1.0, batch.mean_tokens) / CROWDED_TOKENS))
    passes = 3 + again + EXTRA_PASSES.get(config.method, 0)
    seconds = computed + path.layer_seconds * passes * shape.layers
    if path.weight_bytes_per_second and config.quantization == "none":
        read = shape.linear_parameters * compute_bytes(config, device)
        seconds += passes * read / path.weight_bytes_per_second
    if config.quantization != "none":
        speed = H100_BYTES_PER_SECOND * device.peak_flops / H100_FLOPS
        if device.kind == "cpu":
            speed = CPU_BYTES_PER_SECOND * max(1, device.cores)
        seconds += (2 + again) * shape.linear_parameters * DEQUANTIZED_BYTES / speed
    launches = DEQUANTIZING_LAUNCHES if config.quantization != "none" else 1.0
    return max(seconds, launches * path.launch_seconds * passes * shape.layers)


def predict_time(
    shape: ModelShape,
    config: TrainingConfig,
    device: Device,
    rows: Rows,
    *,
    factor: float = 1.0,
    lean: bool | None = None,
) -> RunTime:
    """A whole run; `factor` is by how much earlier runs were faster than predicted (see `memory_factor.py`)."""
    path = path_for(config, device, lean=lean)
    batch = rows.batch(config, config.per_device_train_batch_size, padded=path.padded)
    one = micro_batch_seconds(shape, config, device, batch, lean=lean) / factor
    sequences = rows.sequences(config)
    steps = config.steps_for(sequences)
    micro_batches = steps * config.gradient_accumulation_steps
    if config.max_steps is None:  # the last step of an epoch may be a short one
        micro_batches = math.ceil(config.num_train_epochs * sequences / config.per_device_train_batch_size)
    return RunTime(
        seconds=one * micro_batches,
        start_seconds=START_SECONDS + 2 * shape.parameters / READ_BYTES_PER_SECOND,
        steps=steps,
        tokens_per_second=batch.real_tokens / one,
    )
