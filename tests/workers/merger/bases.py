"""Tiny bases of several architectures in float32, adapters of any kind on them, and merges of the two."""

import atexit
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from finetune_app.merges.options import MergeOptions
from tests.tiny import tiny_base
from workers.merge_spec import MergeSpec
from workers.merger.config_files import write_side_files
from workers.merger.plan import plan_merge
from workers.merger.planned import MergePlan
from workers.merger.reading import read_tensor
from workers.spec import BaseDigests

SMALL = {"vocab_size": 96, "hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
TWO_LAYERS = {"num_hidden_layers": 2, "intermediate_size": 24}
EXPERTS = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 12}
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama", **SMALL, **TWO_LAYERS, "attention_bias": True, "tie_word_embeddings": False},
    "tied": {"model_type": "llama", **SMALL, **TWO_LAYERS, "tie_word_embeddings": True},
    "gpt2": {"model_type": "gpt2", "vocab_size": 96, "n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2},
    "qwen3_moe": {"model_type": "qwen3_moe", **SMALL, **TWO_LAYERS, **EXPERTS, "tie_word_embeddings": False},
    "many_experts": {"model_type": "qwen3_moe", **SMALL, **TWO_LAYERS, **EXPERTS, "num_experts": 12},
    "mixtral": {"model_type": "mixtral", **SMALL, **TWO_LAYERS, "num_local_experts": 3, "tie_word_embeddings": False},
    "gpt_oss": {"model_type": "gpt_oss", **SMALL, **TWO_LAYERS, "num_local_experts": 3, "num_experts_per_tok": 2},
}
DIGESTS = BaseDigests(weights_root="w", arch_digest="a", tokenizer_digest="t", chat_template_digest="c")
SENTENCE = torch.tensor([[5, 17, 41, 3, 60, 22, 9, 80]])


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="merge-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def base_of(kind: str) -> Path:
    """The folder of a tiny base, as transformers saves it; a test that changes it takes a copy."""
    folder = _folder()
    torch.manual_seed(0)
    options = dict(CONFIGS[kind])
    config = AutoConfig.for_model(options.pop("model_type"), initializer_range=0.3, **options)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tiny_base() / name, folder)
    return folder


def load(folder: Path) -> PreTrainedModel:
    """The model of a folder in float32, as anybody would load it."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def adapter_on(
    base: Path, *, before: Callable[[Any], None] | None = None, save_embedding_layers: Any = "auto", **options: Any
) -> Path:
    """An adapter that peft makes on a base, with each of its numbers changed by chance.

    Args:
        base: the base's folder.
        before: what is done with the model before the adapter is put on, such as resizing.
        save_embedding_layers: as peft takes it.
        options: of `LoraConfig`.
    """
    folder = _folder()
    torch.manual_seed(1)
    model = load(base)
    if before:
        before(model)
    config = LoraConfig(**({"r": 4, "lora_alpha": 6, "init_lora_weights": False, "task_type": "CAUSAL_LM"} | options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = get_peft_model(model, config)
        with torch.no_grad():
            for parameter in tuned.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.rand(parameter.shape) * 0.2)
        tuned.save_pretrained(folder, save_embedding_layers=save_embedding_layers)
    return folder


def with_adapter(base: Path, adapter: Path, rows: int | None = None) -> PeftModel:
    """Base and adapter as peft loads them."""
    model = load(base)
    if rows is not None:
        model.resize_token_embeddings(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(model, adapter).eval()


def spec_for(base: Path, **options: Any) -> MergeSpec:
    """The order of a merge in float32."""
    own = {name: options.pop(name) for name in list(options) if name in MergeOptions.model_fields}
    facts = {
        "base": "tiny@1",
        "base_folder": base,
        "base_digests": DIGESTS,
        "adapter": "support@1",
        "manifest_sha256": "f" * 64,
        "options": MergeOptions(**({"dtype": "float32"} | own)),
    }
    return MergeSpec(**(facts | options))


def merged(base: Path, adapter: Path, *, rows: int = 5) -> tuple[Path, MergePlan]:
    """The folder of the merged model, made in memory by blocks of this many rows."""
    folder, spec = _folder(), spec_for(base)
    plan = plan_merge(spec, adapter)
    save_file({one.name: _applied(one, rows) for one in plan.tensors}, folder / "model.safetensors", {"format": "pt"})
    write_side_files(spec, plan, adapter, folder)
    return folder, plan


def _applied(planned: Any, rows: int) -> torch.Tensor:
    if planned.value is not None:
        return planned.value.float().contiguous()
    tensor = read_tensor(planned.source).float()
    if planned.change is None:
        return tensor
    rows = rows if planned.change.by_rows else len(tensor)
    blocks = [planned.change.apply(tensor[start : start + rows], start) for start in range(0, len(tensor), rows)]
    return torch.cat(blocks)


def logits(model: Any) -> torch.Tensor:
    """What a model says to a few tokens."""
    with torch.no_grad():
        return model(SENTENCE).logits


def config_of(folder: Path) -> dict[str, Any]:
    """A folder's config.json."""
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found
