"""An adapter as PEFT saves it that fits the tiny base, made without PEFT."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tests.tiny import HIDDEN, LAYERS

RANK = 4


def fitting_adapter(folder: Path) -> Path:
    """LoRA on `q_proj` of every layer."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    tensors = {}
    for layer in range(LAYERS):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = random.normal(size=(RANK, HIDDEN)).astype(np.float32)
        tensors[f"{name}.lora_B.weight"] = random.normal(size=(HIDDEN, RANK)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 8,
        "target_modules": ["q_proj"],
        "base_model_name_or_path": "somewhere/else",
        "peft_version": "0.21.2",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
