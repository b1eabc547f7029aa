"""The tensors that an adapter must have to fit a base: peft itself says so, on a model without weights."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import get_peft_model_state_dict

from workers.without_weights import bare_model, with_adapter

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Expected:
    """Shapes by name; `optional` are the embeddings of the base, which peft writes along in some cases."""

    required: Shapes
    optional: Shapes


def expected_tensors(
    adapter: Path, base_folder: Path, base: str, *, labels: int | None, trust_remote_code: bool
) -> Expected:
    """What peft would save for this adapter's config on this base.

    Args:
        adapter: the folder with `adapter_config.json`.
        base_folder: the folder with the base's `config.json`.
        base: its name for people.
        labels: how many values a sequence gets; None for a language model.
        trust_remote_code: whether the base's own Python may run.

    Raises:
        UserError: `adapter_not_of_base`, `adapter_config_refused`, or `base_not_loadable`.
    """
    model = bare_model(base_folder, base, labels=labels, trust_remote_code=trust_remote_code)
    tuned = with_adapter(model, adapter, base)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        required = _shapes(get_peft_model_state_dict(tuned, save_embedding_layers=False))
        everything = _shapes(get_peft_model_state_dict(tuned, save_embedding_layers=True))
    return Expected(required, {name: shape for name, shape in everything.items() if name not in required})


def _shapes(tensors: dict[str, torch.Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
