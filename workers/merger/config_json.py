"""What becomes of the base's config.json. Pure."""

import json
from pathlib import Path
from typing import Any

from adapters.base_texts import CONFIG

TIED, VOCABULARY, DTYPE, OLD_DTYPE = "tie_word_embeddings", "vocab_size", "dtype", "torch_dtype"
GONE = ("quantization_config", "_name_or_path")  # of what the base once was


def read_config(base_folder: Path) -> dict[str, Any]:
    """The base's config."""
    config: dict[str, Any] = json.loads((base_folder / CONFIG).read_bytes())
    return config


def changed_keys(base_folder: Path, *, vocabulary: int | None, is_untied: bool) -> dict[str, Any]:
    """The keys of the config that a merge changes, with those of the parts that a config may have.

    Args:
        base_folder: the base's files.
        vocabulary: rows of the embeddings from now on; None where they are as many as before.
        is_untied: whether embeddings and head become two tensors.
    """
    new = {} if vocabulary is None else {VOCABULARY: vocabulary}
    if is_untied:
        new[TIED] = False
    config = read_config(base_folder)
    parts = {
        name: part | {key: new[key] for key in new if key in part}
        for name, part in config.items()
        if isinstance(part, dict) and part.keys() & new.keys()
    }
    is_in_part = any(VOCABULARY in part for part in parts.values())
    return {key: value for key, value in new.items() if key == TIED or key in config or not is_in_part} | parts


def merged_config(base_folder: Path, changed: dict[str, Any], dtype: str) -> dict[str, Any]:
    """The whole config of the merged model, in the order of the base's.

    Args:
        base_folder: the base's files.
        changed: the keys that the plan changes.
        dtype: of the weights, in torch's spelling.
    """
    config = {name: value for name, value in read_config(base_folder).items() if name not in GONE} | changed
    return _with_dtype(config, dtype) | {DTYPE: dtype}


def _with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    """The same with this dtype wherever one is named, in its parts as well; older programs know the older key only."""
    return {
        name: dtype if name in (DTYPE, OLD_DTYPE) else _with_dtype(value, dtype) if isinstance(value, dict) else value
        for name, value in config.items()
    }
