"""Continue from an adapter version: its weights take the place of the fresh adapter's before the first step.

A method that compares with a reference (DPO, KTO) then compares with the version and not with the bare base: the
trainers of trl look for a frozen adapter of the name `ref`.
"""

from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file

from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure, log
from workers.spec import RunSpec
from workers.trainer.saving import ADAPTER

WEIGHTS = "adapter_model.safetensors"
REFERENCE = "ref"


def continue_from(spec: RunSpec, trainer: Any) -> None:
    """Give the trainer's adapter the weights of the version that the run continues from.

    A run that resumes has trained on already: there only the reference is the version's.

    Raises:
        ChildFailure: ADAPTER_DIFFERS, when a tensor has no place, a place has no tensor, or their shapes differ.
    """
    if spec.continue_folder is None:
        return
    model: PeftModel = trainer.model
    given = load_weights(spec.continue_folder, model)
    if hasattr(trainer, "ref_model"):
        _add_reference(model, given)
    if spec.resume_folder is None:
        set_peft_model_state_dict(model, given)
        log(f"The adapter starts with the weights of an earlier version: {len(given)} tensors.")


def _add_reference(model: PeftModel, given: dict[str, Any]) -> None:
    model.add_adapter(REFERENCE, model.peft_config[ADAPTER])
    set_peft_model_state_dict(model, given, REFERENCE)
    for name, parameter in model.named_parameters():
        if f".{REFERENCE}" in name:
            parameter.requires_grad = False


def load_weights(folder: Path, model: PeftModel) -> dict[str, Any]:
    """The version's tensors by name, when each fits into `model`'s adapter and none of that is left without.

    Raises:
        ChildFailure: ADAPTER_DIFFERS.
    """
    given = load_file(folder / WEIGHTS)
    wanted = get_peft_model_state_dict(model, save_embedding_layers=False)
    different = [
        *(f"there is no place for {name}" for name in sorted(given.keys() - wanted.keys())),
        *(f"it has no {name}" for name in sorted(wanted.keys() - given.keys())),
        *(
            f"{name} is {tuple(given[name].shape)}, not {tuple(wanted[name].shape)}"
            for name in sorted(given.keys() & wanted.keys())
            if given[name].shape != wanted[name].shape
        ),
    ]
    if different:
        more = f", and {len(different) - 1} more" if len(different) > 1 else ""
        raise ChildFailure(Cause.ADAPTER_DIFFERS, f"{different[0]}{more}".capitalize() + ".")
    return dict(given)
