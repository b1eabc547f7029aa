"""The plan of the plainest merges, found without transformers and peft: they alone take more memory than the merge.

It covers LoRA on linear layers, with one rank and scale for all, of architectures whose parameters are named in memory
as they are in files. For anything else, and for anything that does not fit, there is no plan here: `plan.py` makes it,
or says what is wrong. Where both make one, it is the same.
"""

import json
import math
from pathlib import Path
from typing import Any

from adapters.adapter_folder_names import CONFIG as ADAPTER_CONFIG
from adapters.base_texts import CONFIG
from adapters.fingerprint import NOT_LINEAR
from adapters.weight_files import StoredTensor, in_place_order, read_tensors, weight_files
from workers.merge_spec import MergeSpec
from workers.merger.adapter_tensors import AdapterTensors
from workers.merger.changes import LowRank
from workers.merger.planned import MergePlan, Planned
from workers.merger.reading import FLOATS

# Held against transformers' own tables in the tests.
MODEL_TYPES = frozenset({"gemma", "gemma2", "granite", "llama", "mistral", "olmo2", "qwen2", "qwen3", "smollm3"})
PREFIX = "base_model.model."
MATRIX = 2
FACTORS = ("lora_A.weight", "lora_B.weight")
# Keys of peft's config that are read here or change nothing in a merge; any other must be left out or say nothing.
HARMLESS = frozenset(
    {
        "base_model_name_or_path", "inference_mode", "lora_alpha", "lora_dropout", "megatron_core", "peft_type",
        "peft_version", "qalora_group_size", "r", "revision", "target_modules", "task_type", "use_rslora",
    }
)  # fmt: skip
SAYS_NOTHING = {"bias": "none", "init_lora_weights": "gaussian"}


def plan_plainly(spec: MergeSpec, adapter_folder: Path) -> MergePlan | None:
    """The plan of a plain merge; None where it is not one, or where something does not fit."""
    try:
        config = json.loads((adapter_folder / ADAPTER_CONFIG).read_bytes())
        model = json.loads((spec.base_folder / CONFIG).read_bytes())
    except (OSError, ValueError):
        return None
    if spec.is_quantized or not _is_plain_base(model) or not _is_plain(config):
        return None
    stored = in_place_order(read_tensors(weight_files(spec.base_folder)))
    tensors = AdapterTensors(adapter_folder)
    layers = _targets(config, stored)
    if tensors.stored.keys() != {f"{PREFIX}{layer}.{factor}" for layer in layers for factor in FACTORS}:
        return None
    if not all(_fits(config, layer, tensor, tensors) for layer, tensor in layers.items()):
        return None
    changes = {tensor.name: _change(config, layer, tensor, tensors) for layer, tensor in layers.items()}
    planned = [Planned(one.name, one.shape, one, changes.get(one.name)) for one in stored]
    return MergePlan(planned, adapter_tensors=len(tensors.stored), used=len(tensors.stored))


def _is_plain_base(model: dict[str, Any]) -> bool:
    return model.get("model_type") in MODEL_TYPES and not {"quantization_config", "auto_map"} & model.keys()


def _is_plain(config: dict[str, Any]) -> bool:
    rank, alpha, targets = config.get("r"), config.get("lora_alpha"), config.get("target_modules")
    others = {key: value for key, value in config.items() if key not in HARMLESS and SAYS_NOTHING.get(key) != value}
    others = {key: value for key, value in others.items() if (key, value) != ("init_lora_weights", True)}
    is_named = isinstance(targets, list) and targets and all(isinstance(target, str) for target in targets)
    is_numbered = type(rank) is int and rank > 0 and type(alpha) in {int, float}
    return bool(config.get("peft_type") == "LORA" and is_named and is_numbered and not any(others.values()))


def _targets(config: dict[str, Any], stored: list[StoredTensor]) -> dict[str, StoredTensor]:
    """The layers that the config names, as peft finds them: the whole name or its last parts."""
    names = tuple(f".{name}" for name in config["target_modules"])
    layers = {tensor.name.removesuffix(".weight"): tensor for tensor in stored if tensor.name.endswith(".weight")}
    return {layer: tensor for layer, tensor in layers.items() if f".{layer}".endswith(names)}


def _fits(config: dict[str, Any], layer: str, tensor: StoredTensor, tensors: AdapterTensors) -> bool:
    if len(tensor.shape) != MATRIX or any(part in layer.rpartition(".")[2] for part in NOT_LINEAR):
        return False
    (outputs, inputs), rank = tensor.shape, config["r"]
    shapes = [tensors.shape(f"{PREFIX}{layer}.{factor}") for factor in FACTORS]
    return tensor.dtype in FLOATS and shapes == [(rank, inputs), (outputs, rank)]


def _change(config: dict[str, Any], layer: str, tensor: StoredTensor, tensors: AdapterTensors) -> LowRank:
    a, b = (f"{PREFIX}{layer}.{factor}" for factor in FACTORS)
    rank = config["r"]
    scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
    return LowRank(lambda: (tensors.exact(b), tensors.exact(a)), tensor.shape[0], scale)
