"""The files of an adapter: weights, config, tokenizer and chat template, the same bytes for the same run.

What is saved is a plain adapter for the base as it is registered, however it began: PiSSA's and OLoRA's beginning is
taken off again, which doubles the rank.
"""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from workers.trainer.initial_weights import ADAPTER, Tensors

__all__ = ["ADAPTER", "save_adapter", "without"]

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
UNORDERED = ("target_modules", "exclude_modules", "modules_to_save")
HOW_IT_BEGAN = ("eva_config", "corda_config", "loftq_config", "lora_ga_config")


def save_adapter(
    model: PeftModel, tokenizer: Any, base_name: str, folder: Path, initial: Tensors | None = None
) -> None:
    """Write the adapter into `folder`, whole or not at all.

    Args:
        model: with the trained adapter.
        tokenizer: goes along, with its chat template.
        base_name: what the adapter's config calls its base.
        folder: where it goes; what was there goes away.
        initial: A and B of each module as they began, where these were taken out of the base's weights.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.active_peft_config.base_model_name_or_path = base_name
    # Trained embeddings and tokens are saved as what they are; this is about embeddings that changed their size, for
    # which peft would ask the hub.
    # Only the adapter itself: the frozen version that a method may compare with lies beside it.
    model.save_pretrained(str(partial), selected_adapters=[ADAPTER], save_embedding_layers=False)
    (partial / "README.md").unlink(missing_ok=True)  # the registry writes the model card from the facts
    if initial:
        save_file(without(initial, load_file(partial / WEIGHTS)), partial / WEIGHTS, metadata={"format": "pt"})
    _write_config(partial / CONFIG, doubles=bool(initial))
    tokenizer.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def without(initial: Tensors, trained: Tensors) -> Tensors:
    """The trained tensors less their beginning: [B, -B₀]·[A; A₀] = BA - B₀A₀, as peft converts PiSSA to LoRA.

    Unlike peft's own conversion it keeps what else was trained (DoRA's lengths, biases, whole modules).
    """
    result = dict(trained)
    for name, start in initial.items():
        now = trained[name]
        first = start.to(now.dtype)
        parts, dimension = ([now, -first], 1) if ".lora_B." in name else ([now, first], 0)
        result[name] = torch.cat(parts, dimension).contiguous()
    return result


def _write_config(path: Path, *, doubles: bool) -> None:
    """The config as it is loaded: the weights are there, so nothing begins anew, and the order is always the same.

    Peft keeps target modules as a set, whose order changes from process to process. Patterns keep their order: the
    first name that matches counts.
    """
    config = json.loads(path.read_text())
    for key in UNORDERED:
        if isinstance(config.get(key), list):
            config[key] = sorted(config[key])
    config["init_lora_weights"] = True
    config |= {key: {} if key == "loftq_config" else None for key in HOW_IT_BEGAN if key in config}
    if doubles:
        stronger = math.sqrt(2) if config["use_rslora"] else 2
        config["r"] *= 2
        config["lora_alpha"] *= stronger
        config["rank_pattern"] = {name: 2 * rank for name, rank in config["rank_pattern"].items()}
        config["alpha_pattern"] = {name: stronger * alpha for name, alpha in config["alpha_pattern"].items()}
    path.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")
