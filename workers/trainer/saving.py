"""The files of an adapter: weights, config, tokenizer and chat template, the same bytes for the same run."""

import json
import shutil
from pathlib import Path
from typing import Any

from peft import PeftModel

CONFIG = "adapter_config.json"


def save_adapter(model: PeftModel, tokenizer: Any, base_name: str, folder: Path) -> None:
    """Write the adapter into `folder`, whole or not at all; `base_name` is what its config calls its base."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.active_peft_config.base_model_name_or_path = base_name
    # Embeddings are never trained here, so peft need not look for their original size (it would ask the hub).
    model.save_pretrained(str(partial), save_embedding_layers=False)
    (partial / "README.md").unlink(missing_ok=True)  # the registry writes the model card from the facts
    _sort_config(partial / CONFIG)
    tokenizer.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _sort_config(path: Path) -> None:
    """Peft keeps target modules as a set, whose order changes from process to process."""
    config = json.loads(path.read_text())
    for key, value in config.items():
        if isinstance(value, list):
            config[key] = sorted(value)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
