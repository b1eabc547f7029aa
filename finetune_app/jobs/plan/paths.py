"""Which way the trainer goes on a device, and what each way costs: every measured constant of the plan. Pure.

The sizes of what is kept for the backward pass follow from the operations of each way (see `memory_model.py`); the
constants here were measured, as `docs/benchmarks.md` and `benchmarks/plan.py` tell. GB are 2^30 bytes.
"""

from dataclasses import dataclass, replace

from finetune_app.jobs.plan.devices import Device
from finetune_app.jobs.training_config import TrainingConfig

MIB = 2**20
CROWDED_TOKENS = 1024
LEAN_METHODS = {"sft"}
LEAN_OPTIMIZERS = {"auto", "adamw_torch"}


@dataclass(frozen=True)
class Path:
    """One way through the trainer.

    Attributes:
        name: what it is called in the facts of a run.
        padded: rows of a batch are padded to the longest instead of laid end to end.
        fused: norms and gates by fused kernels, which keep less.
        casts: adapters are float32 and their inputs are cast under autocast, so each module keeps its own copy.
        dropout_mask_bytes: what dropout keeps of each value beside the result.
        other_hidden: values of the hidden size kept by each layer for a token beyond what the operations tell.
        head_bytes: what the loss holds at most of logits and their gradient, in pieces.
        tile_bytes: what trl's own head holds of each logit of a tile, for methods that compare log-probabilities.
        scores_all: that head takes every position, not only the learned ones.
        fixed_bytes: what the process holds in any case, as the peak is measured.
        sums_up: memory that was freed between forward and backward pass is not used again at once, so both add up.
        load_share: what loading holds at its peak beside the weights, as a share of the base's files.
        context_bytes: what the device's driver holds beside it, which the measured peak does not show.
        backward_parts: values of the intermediate size that the backward pass of a layer works on at once.
        flops_share: how much of the device's peak the matrix products reach.
        layer_seconds: what each layer costs in each pass of a micro-batch, however few tokens it has.
        launch_seconds: what the device's driver needs for a layer's kernels in each pass; a device that computes faster
            than that waits for it. 0: nothing is handed over to a driver.
        weight_bytes_per_second: how fast the weights are read in each pass of a micro-batch; 0: too fast to count.
        crowding: how much slower each doubling of a micro-batch beyond `CROWDED_TOKENS` makes a token.
    """

    name: str
    padded: bool
    fused: bool
    casts: bool
    dropout_mask_bytes: int
    other_hidden: float
    head_bytes: int
    fixed_bytes: int
    sums_up: bool
    load_share: float
    context_bytes: int
    backward_parts: float
    flops_share: float
    layer_seconds: float
    launch_seconds: float = 0.0
    weight_bytes_per_second: float = 0.0
    crowding: float = 0.0
    tile_bytes: int = 2
    scores_all: bool = False


# One H100 80 GB, Llama-2-7B shape, r=64 on q_proj and v_proj: 38.7 GB at 8 x 1,024 tokens in bfloat16 (18,762
# tokens/s) and 7.3 GB in nf4 with checkpointing (13,133 tokens/s), and the bare loop at other sizes (38.4, 14.7, 29.5,
# 10.7, 7.5, 5.9, 46.7 and 8.4 GB; 12,596, 13,677 and 14,075 tokens/s at 4, 8 and 16 rows in nf4 with checkpointing).
LEAN_CUDA = Path(
    name="lean",
    padded=False,
    fused=True,
    casts=False,
    dropout_mask_bytes=1,
    other_hidden=0.0,
    head_bytes=512 * MIB,
    fixed_bytes=64 * MIB,
    sums_up=False,
    load_share=0.0,
    context_bytes=600 * MIB,
    backward_parts=3.0,
    flops_share=0.56,
    layer_seconds=0.0003,
    # 8 rows of the lengths of dolly (about 1,050 tokens a step): 0.124 s a step in bfloat16, 0.182 s in nf4 (medians).
    launch_seconds=0.0013,
)
# The same device and shape without the lean way: 35.91 GB in bfloat16 at 4 x 1,024 packed tokens, 6.42 GB in nf4 with
# checkpointing; `flops_share` from trl's 11,345 (bfloat16) and 6,265 tokens/s (nf4, checkpointing).
PLAIN_CUDA = Path(
    name="plain",
    padded=True,
    fused=False,
    casts=True,
    dropout_mask_bytes=1,
    other_hidden=4.2,
    head_bytes=512 * MIB,
    fixed_bytes=64 * MIB,
    sums_up=False,
    load_share=0.0,
    context_bytes=600 * MIB,
    backward_parts=3.0,
    flops_share=0.28,
    layer_seconds=0.0006,
    launch_seconds=0.0026,  # twice as many kernels as the lean way has: casts, and norms and gates in pieces
)
# `benchmarks/plan.py` on 2 cores of an AMD EPYC: see the figures in `docs/benchmarks.md`.
LEAN_CPU = Path(
    name="lean",
    padded=False,
    fused=False,
    casts=False,
    dropout_mask_bytes=4,
    other_hidden=2.0,
    head_bytes=512 * MIB,
    fixed_bytes=670 * MIB,
    sums_up=True,
    load_share=1.0,
    context_bytes=0,
    backward_parts=3.0,
    flops_share=0.8,
    layer_seconds=0.0007,
    weight_bytes_per_second=5e9,
    crowding=0.06,
)
PLAIN_CPU = replace(
    LEAN_CPU,
    name="plain",
    padded=True,
    other_hidden=7.0,
    flops_share=0.6,
    tile_bytes=34,  # DPO held 4.4 GB more than a reward model on the same pairs: 8.4 float32 values of 4,096 × 32,000
    scores_all=True,
)


def is_lean(config: TrainingConfig, device: Device) -> bool:
    """Whether the trainer takes its lean way, as far as config and device tell (the architecture may forbid it)."""
    return (
        config.method in LEAN_METHODS
        and not (device.kind == "cuda" and not device.has_bf16)
        and not config.modules_to_save
        and not config.trainable_token_indices
        and config.optim in LEAN_OPTIMIZERS
    )


def path_for(config: TrainingConfig, device: Device, *, lean: bool | None = None) -> Path:
    """The way of this config on this device; `lean` says it when it is known."""
    takes_lean = is_lean(config, device) if lean is None else lean
    if device.kind == "cpu":
        return LEAN_CPU if takes_lean else PLAIN_CPU
    return LEAN_CUDA if takes_lean else PLAIN_CUDA
