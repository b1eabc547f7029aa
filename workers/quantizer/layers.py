"""Which layers of a model are quantized: its linear ones, but for the output head and what does not divide."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from adapters.weight_files import read_tensors, weight_files
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.precision import quantized_already

EXPERTS = ".experts."
WEIGHT = ".weight"
PACKED = 32  # columns that are packed together; also the smallest group


@dataclass(frozen=True)
class Layers:
    """The linear layers by name: those to quantize with the columns of each, and those that stay as they are."""

    quantized: dict[str, int]
    left: list[str]


def layers_of(folder: Path, *, trust_remote_code: bool) -> Layers:
    """Look at the model that `config.json` describes, without its weights, and at what the files hold.

    Raises:
        ChildFailure: EXPORT_UNFIT, when there is nothing to quantize, or it is quantized already.
    """
    if quantized_already(folder):
        raise ChildFailure(Cause.EXPORT_UNFIT, "Its weights are quantized already.")
    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    stored = {tensor.name for tensor in read_tensors(weight_files(folder))}
    if any(EXPERTS in name for name in stored):
        raise ChildFailure(
            Cause.EXPORT_UNFIT, "It has experts, which lie in tensors that this form cannot hold. Export it as GGUF."
        )
    head = model.get_output_embeddings()
    linear = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    quantized = {
        name: module.in_features
        for name, module in linear.items()
        if module is not head and module.in_features % PACKED == 0 and name + WEIGHT in stored
    }
    if not quantized:
        raise ChildFailure(Cause.EXPORT_UNFIT, "It has no linear layers that could be quantized. Export it as GGUF.")
    return Layers(quantized, sorted(linear.keys() - quantized.keys()))
