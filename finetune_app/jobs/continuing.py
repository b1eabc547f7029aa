"""Continue from an adapter version: whether a job may start with its weights, said before anything runs.

Whether its base is the same, `adapters/fits.py` says.
"""

import json
from typing import Any

from pydantic import ValidationError

from adapters.models import AdapterVersion, BaseRevision
from finetune_app.errors import InvalidFields
from finetune_app.jobs.config_options import OPTIONS
from finetune_app.jobs.methods import load_config, method_of
from finetune_app.jobs.option_rules import CHANGES_THE_BASE
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from finetune_app.storage import blobs

SHAPE = (
    "r",
    "lora_alpha",
    "use_rslora",
    "use_dora",
    "bias",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "modules_to_save",
    "trainable_token_indices",
)
"""What must be as it was for the weights to fit and to mean the same."""
HEADS = frozenset({"classifier", "score"})  # peft trains and saves the head of a classifier by itself
PEFT_CONFIG = "adapter_config.json"


def require_same_shape(version: AdapterVersion, base: BaseRevision, config: TrainingConfig) -> None:
    """The config must make an adapter that the version's weights fit into.

    Raises:
        InvalidFields: `adapter_shape_differs`, with a sentence for each option.
    """
    saved = peft_config(version)
    problems = _differences(version, saved, config) | _other_modules(version, saved, base, config)
    if config.init_lora_weights in CHANGES_THE_BASE:
        problems["config.init_lora_weights"] = (
            f"It starts with the weights of {version}, so the initial weights must be the default ones."
        )
    if (task := saved.get("task_type")) not in {None, method_of(config).task_type}:
        problems["config.method"] = f"{version} is of another kind ({task}), which this method cannot go on with."
    if problems:
        error = InvalidFields(problems)
        error.code = "adapter_shape_differs"
        raise error


def peft_config(version: AdapterVersion) -> dict[str, Any]:
    """What peft wrote beside the version's weights; empty when it has no such file."""
    sha256 = next((file["sha256"] for file in version.manifest["files"] if file["path"] == PEFT_CONFIG), None)
    found: dict[str, Any] = json.loads(blobs.read(sha256)) if sha256 else {}
    return found


def continued_config(version: AdapterVersion, config: TrainingConfig) -> TrainingConfig:
    """`config` with those options that a job which continues from the version has to take over."""
    saved = peft_config(version)
    trained: dict[str, Any] = version.manifest["lineage"]["config"]
    known = {**trained, **saved}
    shape = {name: _plain(name, known[name]) for name in SHAPE if name in known} | {"init_lora_weights": "default"}
    modules = trained.get("target_modules") or saved.get("target_modules")
    if modules == ALL_LINEAR or isinstance(modules, list):
        shape["target_modules"] = modules
    try:
        return load_config(config.model_dump() | shape)
    except ValidationError:  # made elsewhere, with what Graft does not offer; the check at the start says what
        return config


def _differences(version: AdapterVersion, saved: dict[str, Any], config: TrainingConfig) -> dict[str, str]:
    found = {}
    for name in SHAPE:
        if name not in saved:
            continue
        was, now = _plain(name, saved[name]), _plain(name, getattr(config, name))
        if was != now:
            option = OPTIONS[name]
            words = option.text(was)
            found[f"config.{name}"] = f"{version} has {option.title}: {words}. Take the same to continue from it."
    return found


def _other_modules(
    version: AdapterVersion, saved: dict[str, Any], base: BaseRevision, config: TrainingConfig
) -> dict[str, str]:
    trained, now = version.manifest["lineage"]["config"].get("target_modules"), config.target_modules
    was = saved.get("target_modules")
    if now == trained or not isinstance(was, list):
        return {}
    if set(base.linear_modules if now == ALL_LINEAR else now) == set(was):
        return {}
    words = OPTIONS["target_modules"].text(trained or was)
    return {"config.target_modules": f"{version} has Target modules: {words}. Take the same to continue from it."}


def _plain(name: str, value: Any) -> Any:
    """What peft saved or a config says, so that they compare: nothing is nothing, and order does not matter."""
    default = OPTIONS[name].default
    if isinstance(default, list):
        values = value if isinstance(value, list) else []
        return sorted(set(values) - HEADS if name == "modules_to_save" else values)
    if isinstance(default, dict):
        return value or {}
    return value
