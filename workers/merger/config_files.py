"""The small files of a merged model: all that transformers needs beside the weights, a model card, and what it is of.

The same inputs give the same bytes: no time, no path and no device is in them.
"""

import json
from pathlib import Path
from typing import Any

from adapters.base_folder import base_files
from adapters.base_texts import CODE_SUFFIX, CONFIG
from adapters.weight_files import WEIGHTS_INDEX
from workers.merge_spec import MergeSpec
from workers.merger.config_json import merged_config
from workers.merger.config_made_of import MADE_OF, made_of, merged_card
from workers.merger.planned import MergePlan
from workers.merger.tokenizer_files import is_for_tokenizer, tokenizer_files

CARD = "README.md"
NOT_KEPT = frozenset({CONFIG, WEIGHTS_INDEX, CARD, MADE_OF})


def write_side_files(spec: MergeSpec, plan: MergePlan, adapter_folder: Path, target: Path) -> None:
    """Write config, tokenizer, chat template, generation config and the rest into the merged model's folder.

    Args:
        spec: the order of the merge.
        plan: says what becomes of the config.
        adapter_folder: its tokenizer and chat template go before the base's, since it was trained with them.
        target: where the weights are, or will be.
    """
    files = {name: path.read_bytes() for name, path in _copied(spec).items()}
    for name, content in (files | tokenizer_files(spec.base_folder, adapter_folder)).items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes(content)
    _write_json(target / CONFIG, merged_config(spec.base_folder, plan.config, str(spec.options.dtype)))
    _write_json(target / MADE_OF, made_of(spec, plan))
    (target / CARD).write_text(merged_card(spec))


def _copied(spec: MergeSpec) -> dict[str, Path]:
    """The base's files that are taken as they are: its own Python only where it may run."""
    return {
        name: path
        for name, path in base_files(spec.base_folder).items()
        if not (is_for_tokenizer(name) or name in NOT_KEPT or path.suffix == ".safetensors")
        and (spec.trust_remote_code or path.suffix != CODE_SUFFIX)
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
