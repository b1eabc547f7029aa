"""Run folders for the merger, with a plain adapter written by hand: neither transformers nor peft takes part."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from adapters.fingerprint import fingerprint
from adapters.weight_files import read_tensors, weight_files
from finetune_app.merges.options import MergeOptions
from tests.tiny import CONFIG, Tensors, make_tiny_base, tiny_base, write_safetensors
from workers.merge_spec import MergeSpec
from workers.spec import SPEC_NAME, BaseDigests

RANK = 4
TARGETS = ("q_proj", "down_proj")


def make_merge(folder: Path, base: Path | None = None, *, how: dict[str, Any] | None = None, **options: Any) -> Path:
    """A run folder: `how` are further facts of the order, `options` those that a person chooses."""
    folder.mkdir(parents=True, exist_ok=True)
    base = base or tiny_base()
    make_adapter(folder / "adapter", base)
    found = fingerprint(base)
    facts: dict[str, Any] = {
        "base": "tiny@1",
        "base_folder": base,
        "base_digests": BaseDigests(**{name: getattr(found, name) for name in BaseDigests.model_fields}),
        "adapter": "support@3",
        "manifest_sha256": "f" * 64,
        "options": MergeOptions(**options),
    }
    (folder / SPEC_NAME).write_text(MergeSpec(**(facts | (how or {}))).model_dump_json())
    return folder


def make_adapter(folder: Path, base: Path) -> None:
    """LoRA on the targets of the base, as peft saves it, with random numbers."""
    folder.mkdir(exist_ok=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 8,
        "target_modules": list(TARGETS),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "tiny"}))
    random, tensors = np.random.default_rng(0), Tensors()
    for stored in read_tensors(weight_files(base)):
        layer = stored.name.removesuffix(".weight")
        if layer.rpartition(".")[2] in TARGETS:
            outputs, inputs = stored.shape
            for part, shape in (("A", (RANK, inputs)), ("B", (outputs, RANK))):
                content = random.normal(0, 0.1, shape).astype("<f4").tobytes()
                tensors[f"base_model.model.{layer}.lora_{part}.weight"] = ("F32", shape, content)
    write_safetensors(folder / "adapter_model.safetensors", tensors)


def make_wide_base(folder: Path, layers: int) -> Path:
    """A base of so many layers of 2 MB each that nobody loads, and its config and tokenizer."""
    one = np.random.default_rng(0).integers(0x3C00, 0x3D00, (1024, 1024), "<u2").tobytes()
    tensors = {f"model.layers.{number}.mlp.down_proj.weight": ("BF16", (1024, 1024), one) for number in range(layers)}
    make_tiny_base(folder, tensors=tensors)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": layers}))
    return folder


def left_in(folder: Path) -> set[str]:
    """What lies in a run folder beside what was there before."""
    return {path.name for path in folder.iterdir()} - {"adapter", "spec.json", "base", "base.digests.json"}
