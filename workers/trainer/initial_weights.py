"""How the adapter begins where that needs more than PEFT's config: the rows, the base's own weights, or a note of it.

EVA looks at rows, LoftQ at what quantization took away; PiSSA and OLoRA move a part of the base into the adapter, so
what they began with is kept to be taken off again when the adapter is saved (`saving.py`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, initialize_lora_eva_weights
from peft.tuners.lora import LoraLayer
from peft.utils.integrations import dequantize_module_weight
from safetensors import safe_open

from adapters.weight_files import weight_files
from finetune_app.jobs.option_rules import CHANGES_THE_BASE
from finetune_app.jobs.training_config import TrainingConfig
from workers.child import log
from workers.spec import RunSpec

Tensors = dict[str, torch.Tensor]

ADAPTER = "default"
PREFIX = "base_model.model."
PASSES = 16  # of the randomized decomposition, as for PiSSA
EVA_BATCHES = 32
EVA_TOKENS = 2048  # in a batch, where the rows have so many


def begin_adapter(spec: RunSpec, model: PeftModel, rows: Any) -> Tensors:
    """Finish the initial weights of the fresh adapter in `model`; returns what has to be taken off when it is saved.

    Args:
        spec: what is asked for; weights that are loaded afterwards need no beginning.
        model: with the adapter as PEFT made it.
        rows: the dataset to learn from.
    """
    start = spec.config.init_lora_weights
    if start in CHANGES_THE_BASE:
        kept = get_peft_model_state_dict(model, save_embedding_layers=False)
        return {name: tensor.detach().cpu().clone() for name, tensor in kept.items() if is_factor(name)}
    if spec.resume_folder is None and spec.continue_folder is None:
        if start == "eva":
            begin_with_eva(spec.config, model, rows)
        elif start == "loftq":
            begin_with_loftq(model, spec.base_folder)
    return {}


def is_factor(name: str) -> bool:
    """Whether the tensor of that name is A or B of a module."""
    return ".lora_A." in name or ".lora_B." in name


def begin_with_eva(config: TrainingConfig, model: PeftModel, rows: Any) -> None:
    """Directions in which the activations of the first rows differ most (EVA, Paischl et al. 2024)."""
    rank = max(config.r, *config.rank_pattern.values()) if config.rank_pattern else config.r
    batches = list(eva_batches(rows, max(EVA_TOKENS, 2 * rank), model.device))
    initialize_lora_eva_weights(model, batches, show_progress_bar=False)


def eva_batches(rows: Any, tokens: int, device: torch.device) -> Iterator[dict[str, torch.Tensor]]:
    """The first rows in batches of about `tokens` tokens; a last batch that is smaller counts only when it is alone."""
    batch: list[list[int]] = []
    made = 0
    for row in rows:
        batch.append(_ids(row))
        if sum(map(len, batch)) >= tokens:
            yield _padded(batch, device)
            batch, made = [], made + 1
            if made == EVA_BATCHES:
                return
    if batch and not made:
        yield _padded(batch, device)


def _ids(row: dict[str, Any]) -> list[int]:
    """The tokens of an example of any kind: the prompt, and the answer to prefer."""
    if "input_ids" in row:
        return list(row["input_ids"])
    answer: list[int] = next((row[name] for name in ("chosen_ids", "completion_ids") if name in row), [])
    return [*row.get("prompt_ids", []), *answer]


def _padded(batch: list[list[int]], device: torch.device) -> dict[str, torch.Tensor]:
    longest = max(map(len, batch))
    ids = torch.zeros(len(batch), longest, dtype=torch.long, device=device)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(batch):
        ids[index, : len(row)] = torch.tensor(row, device=device)
        mask[index, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


@torch.no_grad()
def begin_with_loftq(model: PeftModel, base_folder: Path) -> None:
    """The best adapter for what quantization took away (LoftQ, Li et al. 2023), in one step for each module.

    PEFT's own needs a CUDA device and leaves the adapter's scaling out.
    """
    files = {name: path for path in weight_files(base_folder) for name in _names(path)}
    left_out = 0
    for name, module in model.named_modules():
        if not isinstance(module, LoraLayer) or ADAPTER not in module.lora_A:
            continue
        stored = _stored(name.removeprefix(PREFIX), files)
        if stored is None:
            left_out += 1
            continue
        layer: Any = module
        rounded = dequantize_module_weight(layer.get_base_layer()).float()
        lost = stored.to(rounded.device, torch.float32) - rounded
        left, sizes, right = torch.svd_lowrank(lost, q=min(layer.r[ADAPTER], *lost.shape), niter=PASSES)
        roots = (sizes / layer.scaling[ADAPTER]).sqrt()
        rank = len(roots)
        layer.lora_A[ADAPTER].weight[:rank] = roots[:, None] * right.T
        layer.lora_B[ADAPTER].weight[:, :rank] = left * roots
    if left_out:
        log(f"LoftQ leaves {left_out} modules at the default: the base's files have other names.", level="warning")


def _names(path: Path) -> list[str]:
    with safe_open(path, "pt") as file:
        return list(file.keys())


def _stored(module: str, files: dict[str, Path]) -> torch.Tensor | None:
    """The unquantized weight of the module, from the base's files."""
    for name in (f"{module}.weight", f"{module.partition('.')[2]}.weight"):
        if name in files:
            with safe_open(files[name], "pt") as file:
                return file.get_tensor(name)
    return None
