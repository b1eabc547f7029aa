"""Writes the quantized model: shard by shard as the merged one is laid out, with all of its other files."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from compressed_tensors.quantization import QuantizationScheme
from safetensors import safe_open
from safetensors.torch import save_file

from adapters.base_texts import CONFIG
from adapters.weight_files import WEIGHTS_INDEX, weight_files
from finetune_app.jobs.states import Phase
from workers.progress import Progress
from workers.quantizer.layers import WEIGHT, Layers
from workers.quantizer.scheme import described, quantize


def write_quantized(source: Path, target: Path, layers: Layers, scheme: QuantizationScheme) -> None:
    """Make the folder `target`. At most one shard of the result is in memory."""
    target.mkdir()
    shards = weight_files(source)
    progress = Progress(Phase.CONVERTING, len(layers.quantized))
    weight_map: dict[str, str] = {}
    total = 0
    for shard in shards:
        tensors = _converted(shard, layers, scheme, progress)
        save_file(tensors, target / shard.name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(tensors, shard.name)
        total += sum(tensor.nbytes for tensor in tensors.values())
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        _write_json(target / WEIGHTS_INDEX, index)
    config = json.loads((source / CONFIG).read_text())
    _write_json(target / CONFIG, config | {"quantization_config": described(scheme, layers.left)})
    _copy_others(source, target, {CONFIG, WEIGHTS_INDEX, *(shard.name for shard in shards)})


def _converted(shard: Path, layers: Layers, scheme: QuantizationScheme, progress: Progress) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    with safe_open(shard, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            layer = name.removesuffix(WEIGHT)
            if layer == name or layer not in layers.quantized:
                tensors[name] = file.get_tensor(name)
                continue
            parts = quantize(file.get_tensor(name), scheme)
            tensors |= {f"{layer}.{part}": tensor for part, tensor in parts.items()}
            progress.add()
    return tensors


def _copy_others(source: Path, target: Path, but: set[str]) -> None:
    """Tokenizer, chat template, generation config and whatever else lies there."""
    for path in source.rglob("*"):
        name = path.relative_to(source)
        if path.is_file() and name.as_posix() not in but:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
