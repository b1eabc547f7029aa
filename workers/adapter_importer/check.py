"""Whether an adapter is whole and fits a base: its config, every tensor's name, shape and type, every value."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from adapters.adapter_folder_names import CONFIG, WEIGHTS
from adapters.weight_files import StoredTensor, read_tensors
from finetune_app.errors import UserError
from finetune_app.jobs.states import Phase
from workers.adapter_importer.expected import Expected, expected_tensors
from workers.progress import Progress

LORA = "LORA"
CAUSAL, SEQUENCE = "CAUSAL_LM", "SEQ_CLS"
SCORE = "base_model.model.score.weight"
FLOATS = frozenset({"BF16", "F16", "F32", "F64"})
PART_VALUES = 16 * 1024 * 1024
NAMED = 3
# In this order they stand in the lineage; what is not chosen is left out.
TOLD = (
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "trainable_token_indices",
    "bias",
    "use_rslora",
    "use_dora",
    "task_type",
)


def read_config(folder: Path) -> dict[str, Any]:
    """The adapter's config.

    Raises:
        UserError: `adapter_torn`, or `adapter_kind_unsupported`.
    """
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError("adapter_torn", f"{CONFIG} is not valid JSON. Copy the file again.") from error
    if not isinstance(config, dict):
        raise UserError("adapter_torn", f"{CONFIG} is not a JSON object. Copy the file again.")
    kind, task = config.get("peft_type"), config.get("task_type") or CAUSAL
    if kind != LORA:
        raise UserError(
            "adapter_kind_unsupported",
            f"Graft keeps LoRA adapters; {CONFIG} says {_text(kind)}. Import a LoRA adapter, or merge this one into "
            "its base and register that as a base model.",
        )
    if task not in {CAUSAL, SEQUENCE}:
        raise UserError(
            "adapter_kind_unsupported",
            f"Graft keeps adapters of language models and of models that score a text; {CONFIG} says {_text(task)}.",
        )
    return config


def chosen_in(config: dict[str, Any]) -> dict[str, Any]:
    """What the config chose, for the lineage."""
    return {name: config[name] for name in TOLD if config.get(name) not in (None, False, "none", [], {}, 0.0)}


def check_tensors(
    folder: Path, config: dict[str, Any], base_folder: Path, base: str, *, trust_remote_code: bool
) -> None:
    """Refuse an adapter that does not fit, tensor by tensor.

    Args:
        folder: that of the adapter.
        config: its config.
        base_folder: the base's small files.
        base: its name for people.
        trust_remote_code: whether the base's own Python may run.

    Raises:
        UserError: `adapter_torn`, `adapter_not_of_base`, `adapter_rank_mismatch`, `adapter_tensor_unplaced`,
            `adapter_tensor_missing`, `adapter_type_unsupported`, or `adapter_config_refused`.
    """
    found = {tensor.name: tensor for tensor in _tensors(folder)}
    labels = None
    if config.get("task_type") == SEQUENCE:
        labels = found[SCORE].shape[0] if SCORE in found and found[SCORE].shape else 1
    expected = expected_tensors(folder, base_folder, base, labels=labels, trust_remote_code=trust_remote_code)
    _check_names(found, expected, base)
    for name, tensor in found.items():
        shape = (expected.required | expected.optional)[name]
        if tensor.shape != shape:
            raise _other_shape(name, tensor.shape, shape, base)
        if tensor.dtype not in FLOATS:
            raise UserError(
                "adapter_type_unsupported",
                f"{name} is stored as {tensor.dtype}. Save the adapter in float32, float16 or bfloat16.",
            )


def check_values(folder: Path) -> None:
    """Refuse an adapter with a value that is no finite number; read piece by piece.

    Raises:
        UserError: `adapter_not_finite`.
    """
    progress = Progress(Phase.READING, (folder / WEIGHTS).stat().st_size)
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            for part in _parts(file, name):
                if not torch.isfinite(part).all():
                    raise UserError(
                        "adapter_not_finite",
                        f"{name} holds values that are no finite numbers (NaN or infinity), so the model's answers "
                        "would be none. Take an earlier checkpoint.",
                    )
                progress.add(part.numel() * part.element_size())
    progress.reach(progress.total)


def _tensors(folder: Path) -> list[StoredTensor]:
    try:
        return list(read_tensors([folder / WEIGHTS]))
    except UserError as error:
        raise UserError("adapter_torn", error.message.replace("base model", "adapter")) from error


def _check_names(found: dict[str, StoredTensor], expected: Expected, base: str) -> None:
    extra = sorted(found.keys() - expected.required.keys() - expected.optional.keys())
    if extra:
        raise UserError(
            "adapter_tensor_unplaced",
            f"{len(extra)} of {len(found)} tensors have no place on {base} with this {CONFIG}: {_some(extra)}. "
            "Choose the base that the adapter was trained on.",
            field="base",
            details=[{"tensor": name} for name in extra[:100]],
        )
    missing = sorted(expected.required.keys() - found.keys())
    if missing:
        raise UserError(
            "adapter_tensor_missing",
            f"{len(missing)} tensors that {CONFIG} promises for {base} are not there: {_some(missing)}. Save the "
            "adapter again, or choose the base that it was trained on.",
            field="base",
            details=[{"tensor": name} for name in missing[:100]],
        )


def _other_shape(name: str, found: Sequence[int], expected: Sequence[int], base: str) -> UserError:
    words = f"{name} is {_shape(found)}; on {base} with this {CONFIG} it would be {_shape(expected)}"
    if _differs_in_rank_only(name, found, expected):
        return UserError(
            "adapter_rank_mismatch", f"{words}. The rank in {CONFIG} (r, rank_pattern) is not that of the weights."
        )
    return UserError("adapter_not_of_base", f"{words}. Choose the base that the adapter was trained on.", field="base")


def _differs_in_rank_only(name: str, found: Sequence[int], expected: Sequence[int]) -> bool:
    for part, place in ((".lora_A.", 0), (".lora_B.", 1), (".lora_embedding_A", 0), (".lora_embedding_B", 1)):
        if part in name and len(found) == len(expected) > place:
            return [*found[:place], *found[place + 1 :]] == [*expected[:place], *expected[place + 1 :]]
    return False


def _parts(file: Any, name: str) -> Iterator[torch.Tensor]:
    part = file.get_slice(name)
    shape = part.get_shape()
    if len(shape) < 2:  # noqa: PLR2004 - a row at most
        yield file.get_tensor(name)
        return
    rows = max(1, PART_VALUES // max(1, torch.Size(shape[1:]).numel()))
    for first in range(0, shape[0], rows):
        yield part[first : first + rows]


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(f"{size:,}" for size in shape) or "a single value"


def _text(value: object) -> str:
    return f"“{str(value)[:40]}”" if value else "nothing about it"
