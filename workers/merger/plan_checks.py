"""What cannot be merged at all, said before anything large is read."""

import json
from pathlib import Path
from typing import Any

from adapters.adapter_folder_names import CONFIG
from adapters.base_texts import has_code, texts_in
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.merge_spec import MergeSpec
from workers.precision import quantized_already

LORA = "LORA"
LANGUAGE_MODELS = (None, "CAUSAL_LM")
# These begin with weights taken from the base's, which peft takes out of the base again whenever it loads the adapter.
CHANGES_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


def check_base(spec: MergeSpec) -> None:
    """The base must have plain weights, and code of its own only where it may run.

    Raises:
        ChildFailure: MERGE_UNFIT, or CODE_NOT_ALLOWED.
    """
    if not spec.trust_remote_code and has_code(texts_in(spec.base_folder)):
        raise ChildFailure(Cause.CODE_NOT_ALLOWED)
    if already := quantized_already(spec.base_folder):
        raise _unfit(
            f"{spec.base} is quantized already ({already}), and a sum would have to be quantized anew. Merge into the "
            "base that it was quantized from, or use the adapter as it is."
        )


def check_adapter(folder: Path) -> None:
    """The adapter must be a LoRA adapter of a language model whose layers are those of the base.

    Raises:
        ChildFailure: MERGE_UNFIT.
    """
    config = _read(folder / CONFIG)
    kind, task, start = config.get("peft_type"), config.get("task_type"), config.get("init_lora_weights")
    if kind != LORA:
        raise _unfit(f"Graft merges LoRA adapters; {CONFIG} says “{kind}”. Use it as an adapter.")
    if task not in LANGUAGE_MODELS:
        raise _unfit(
            f"A merged model is a language model; {CONFIG} says “{task}”, so the adapter scores texts with a head "
            "of its own. Use it as an adapter."
        )
    if config.get("layer_replication"):
        raise _unfit(
            "The adapter repeats layers of the base (layer_replication), so the merged model would have more layers "
            "than the base. Use it as an adapter."
        )
    if isinstance(start, str) and start.lower().startswith(CHANGES_THE_BASE):
        raise _unfit(
            f"The adapter was saved as it was trained after “{start}” initial weights, which change the base. "
            "Save it again with peft's path_initial_model_for_weight_conversion, which makes it a plain LoRA adapter."
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _unfit(f"{path.name} of the adapter cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise _unfit(f"{path.name} of the adapter is not a JSON object.")
    return config


def _unfit(sentence: str) -> ChildFailure:
    return ChildFailure(Cause.MERGE_UNFIT, sentence)
