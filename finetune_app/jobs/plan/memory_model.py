"""The peak memory of a run, from the operations that it consists of. Pure.

What a layer keeps for its backward pass is counted operation by operation, with a frozen base: a linear layer without
an adapter keeps nothing, since its weight has no gradient; a norm keeps its input; attention without materialized
scores keeps queries, keys, values and its result (Dao et al. 2022); a gated unit keeps both factors; an adapter keeps
the input of A and that of B. With checkpointing (Chen et al. 2016) each layer keeps its input only, and one layer at a
time the rest. Sizes of nf4 and double quantization are those of Dettmers et al. 2023.
"""

from dataclasses import dataclass, fields

from finetune_app.jobs.plan.devices import Device
from finetune_app.jobs.plan.paths import Path, path_for
from finetune_app.jobs.plan.rows import Batch
from finetune_app.jobs.plan.shapes import Linear, ModelShape
from finetune_app.jobs.training_config import TrainingConfig

HALF, FULL = 2, 4  # bytes of a bfloat16 or float16, and of a float32 value
BLOCK, SECOND_BLOCK = 64, 256  # weights that share one scale, and scales that share one in turn
STATE_BYTES = {
    "auto": 8, "adamw_torch": 8, "paged_adamw_32bit": 8, "adamw_8bit": 2, "paged_adamw_8bit": 2, "adafactor": 0,
}  # fmt: skip
REFERENCE = {"dpo", "kto"}  # log-probabilities are compared with those without the adapter; that pass keeps no more
TILE_TOKENS, TILE_VOCABULARY = 4096, 32_768  # of trl's head for them, which computes its logits in tiles
EVALUATION_ROWS = 16  # of a batch of the evaluator


@dataclass(frozen=True)
class Memory:
    """The parts of the peak, in bytes, each as it is when the most is held.

    Attributes:
        weights: of the base, as they are loaded.
        adapter: what is trained, with its gradient.
        optimizer: its states and float32 copies.
        activations: kept for the backward pass, and what that works on.
        logits: the loss and its gradient.
        other: what the process holds in any case, and what loading held more than training does.
        context: what the driver holds; not part of the measured peak.
    """

    weights: int
    adapter: int
    optimizer: int
    activations: int
    logits: int
    other: int
    context: int

    @property
    def peak_bytes(self) -> int:
        """What the trainer measures: on a GPU what its allocator held, on a processor the resident set."""
        return self.needed_bytes - self.context

    @property
    def needed_bytes(self) -> int:
        """What the device must have free."""
        return sum(int(getattr(self, part.name)) for part in fields(self))

    def scaled(self, factor: float) -> "Memory":
        """The same with each part but the driver's times `factor`."""
        parts = {part.name: round(getattr(self, part.name) * factor) for part in fields(self)}
        return Memory(**(parts | {"context": self.context}))


def compute_bytes(config: TrainingConfig, device: Device) -> int:
    """Bytes of a value in the arithmetic of the layers; see `workers/loading.py`."""
    if device.kind == "cuda":
        return HALF
    return HALF if device.has_bf16 and config.quantization == "nf4" else FULL


def predict_memory(
    shape: ModelShape, config: TrainingConfig, device: Device, batch: Batch, *, lean: bool | None = None
) -> Memory:
    """The peak of a run whose largest micro-batch is `batch`; `lean` as in `path_for`."""
    path = path_for(config, device, lean=lean)
    width = compute_bytes(config, device)
    weights = weight_bytes(shape, config, width)
    trained = shape.trained_parameters(config)
    computed = width if path.name == "lean" else FULL
    masters = FULL if computed < FULL else 0
    adapter, optimizer = 2 * computed * trained, (STATE_BYTES[config.optim] + masters) * trained
    kept, working = _activations(shape, config, path, batch, width)
    logits = _loss_bytes(shape, config, path, batch, width)
    # The loss is computed before the backward pass begins: where memory is used again at once the two do not add up,
    # and neither does the optimizer's float32 gradient, which comes when the activations are gone.
    if path.sums_up:
        activations, loss = kept + working, logits
    else:
        activations, loss = (kept + working, 0) if working >= logits else (kept, logits)
    step = masters * trained
    activations = max(activations, step - loss)
    training = weights + adapter + optimizer + activations + loss
    loading = weights + round(path.load_share * shape.parameters * HALF)
    return Memory(
        weights=weights,
        adapter=adapter,
        optimizer=optimizer,
        activations=activations,
        logits=loss,
        other=path.fixed_bytes + max(0, loading - training),
        context=path.context_bytes,
    )


def weight_bytes(shape: ModelShape, config: TrainingConfig, width: int) -> int:
    """Of the frozen base; embeddings, norms and output head stay as they are."""
    if config.quantization == "none":
        return shape.parameters * width
    linear = shape.linear_parameters
    rest = (shape.parameters - linear) * width
    if config.quantization == "int8":
        return linear + rest
    scales = 1 / BLOCK + FULL / (BLOCK * SECOND_BLOCK) if config.bnb_4bit_use_double_quant else FULL / BLOCK
    return round(linear * (0.5 + scales)) + rest


def _activations(shape: ModelShape, config: TrainingConfig, path: Path, batch: Batch, width: int) -> tuple[int, int]:
    """What is kept until the backward pass reaches it, and what that works on beside it."""
    adapted = _layer_bytes(shape, config, path, width, has_adapter=True)
    bare = _layer_bytes(shape, config, path, width, has_adapter=False)
    layers = shape.adapted_layers(config)
    working = path.backward_parts * shape.intermediate * width * batch.tokens
    if config.quantization != "none":
        working += max((linear.parameters for linear in shape.linears.values()), default=0) * width
    if config.gradient_checkpointing:
        kept = shape.layers * shape.hidden * width * batch.tokens
        return round(kept), round(working + adapted * batch.tokens)
    return round((layers * adapted + (shape.layers - layers) * bare) * batch.tokens), round(working)


def _layer_bytes(shape: ModelShape, config: TrainingConfig, path: Path, width: int, *, has_adapter: bool) -> float:
    """What one layer keeps of a token until the backward pass has gone through it."""
    norm = shape.hidden * (width if path.fused else FULL)
    attention = (2 * shape.query + 2 * shape.key_value) * width + FULL * shape.heads
    factors = 2 if path.fused or not shape.gated else 3
    kept = 2 * norm + attention + (factors * shape.intermediate + path.other_hidden * shape.hidden) * width
    if config.quantization == "int8":  # bitsandbytes keeps what goes into each of its linear layers
        kept += width * sum(_sources(tuple(shape.linears.values())).values())
    return kept + (_adapter_bytes(shape, config, path, width) if has_adapter else 0)


def _adapter_bytes(shape: ModelShape, config: TrainingConfig, path: Path, width: int) -> float:
    targets = shape.targets(config).values()
    own_copies = path.casts or config.lora_dropout > 0
    kept = float(width * sum(rank for _, rank in targets))
    if config.lora_dropout > 0:
        kept += sum(linear.inputs for linear, _ in targets) * path.dropout_mask_bytes
    if own_copies:
        kept += sum(linear.inputs for linear, _ in targets) * width
    elif config.quantization != "int8":  # there the layers themselves keep them
        kept += sum(_sources(tuple(linear for linear, _ in targets)).values()) * width
    if config.use_dora:
        kept += 2 * width * sum(linear.outputs for linear, _ in targets)
    return kept


def _sources(linears: tuple[Linear, ...]) -> dict[str, int]:
    """The inputs that are kept only because an adapter reads them; attention keeps its own result in any case."""
    return {linear.source: linear.inputs for linear in linears if linear.source != "attention"}


def _loss_bytes(shape: ModelShape, config: TrainingConfig, path: Path, batch: Batch, width: int) -> int:
    """The loss over the learned tokens, their logits in pieces; a reward model has a head of one number."""
    hidden = 2 * batch.learned * shape.hidden * width
    if config.method == "reward":
        return hidden
    if config.method in REFERENCE:
        positions = min(TILE_TOKENS, batch.tokens if path.scores_all else batch.learned)
        return hidden + positions * min(TILE_VOCABULARY, shape.vocabulary) * path.tile_bytes
    logits = batch.learned * shape.vocabulary * (FULL + width)
    return hidden + min(logits, path.head_bytes)


def evaluation_bytes(shape: ModelShape, config: TrainingConfig, device: Device, batch: Batch) -> int:
    """What scoring needs, in a process of its own after training: no gradients, but logits of whole answers."""
    path = path_for(config, device)
    width = compute_bytes(config, device)
    held = weight_bytes(shape, config, width) + shape.trained_parameters(config) * FULL
    budget = min(EVALUATION_ROWS, config.per_device_train_batch_size) * config.max_length
    tokens = min(budget, EVALUATION_ROWS * batch.longest)
    share = batch.learned / max(1, batch.tokens)
    logits = round(tokens * share * shape.vocabulary * (width + 2 * FULL))
    layer = tokens * (shape.intermediate * 2 + shape.hidden * 4) * width
    return held + logits + layer + path.fixed_bytes + path.context_bytes
