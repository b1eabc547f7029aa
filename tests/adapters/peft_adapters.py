"""Adapters that peft itself makes on the tiny base, with values that change what the base says."""

import atexit
import json
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from tests.tiny import tiny_base

PLAIN: dict[str, Any] = {
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ("q_proj", "v_proj"),
    "init_lora_weights": False,
    "task_type": "CAUSAL_LM",
}


@cache
def peft_adapter(**options: Any) -> Path:
    """The folder of an adapter with these options of `LoraConfig`; a test that changes it takes a copy."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    folder = Path(tempfile.mkdtemp(prefix="peft-adapter-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    torch.manual_seed(1)
    chosen = {name: _plain(value) for name, value in (PLAIN | options).items()}
    scores = {"num_labels": 1} if chosen["task_type"] == "SEQ_CLS" else {}
    kind = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what some options need when one goes on with the model
        model = get_peft_model(kind.from_pretrained(tiny_base(), dtype=torch.float32, **scores), LoraConfig(**chosen))
        model.peft_config["default"].base_model_name_or_path = "tiny"
        model.save_pretrained(folder, save_embedding_layers="embed_tokens" in chosen["target_modules"])
    return folder


def _plain(value: Any) -> Any:
    """Options are hashable for the cache: tuples stand for lists, frozen sets of pairs for objects."""
    match value:
        case tuple():
            return list(value)
        case frozenset():
            return dict(value)
        case _:
            return value


def copy_of(source: Path, to: Path, **config: Any) -> Path:
    """A copy of an adapter's folder, with these keys of its config changed."""
    shutil.copytree(source, to)
    path = to / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return to
