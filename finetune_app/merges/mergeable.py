"""The one check of what can be merged: this adapter version, into this base revision."""

from adapters.base_code import require_code_allowed
from adapters.fits import require_fits, require_usable
from adapters.models import AdapterVersion, BaseRevision
from finetune_app.errors import UserError
from finetune_app.jobs.continuing import peft_config
from finetune_app.jobs.methods import METHODS
from finetune_app.jobs.services.predict_job import base_config

LORA, CAUSAL = "LORA", "CAUSAL_LM"


def require_mergeable(version: AdapterVersion, base: BaseRevision) -> None:
    """Refuse what would make no merged model.

    Raises:
        UserError: `adapter_version_retired`, `adapter_not_lora`, `adapter_not_causal`, `adapter_of_other_base`,
            `base_code_not_allowed`, or `base_quantized`; those of the base belong to the field `base_model`.
        blobs.BlobMissing: the storage lost a config.
    """
    require_usable(version, field="version")
    _require_causal_lora(version)
    require_fits(version, base, field="base_model")
    require_code_allowed(base)
    _require_whole_weights(base)


def _require_causal_lora(version: AdapterVersion) -> None:
    saved = peft_config(version)
    if (kind := str(saved.get("peft_type", LORA)).upper()) != LORA:
        raise UserError(
            "adapter_not_lora", f"{version} is of the kind {kind}; only LoRA can be merged. Serve it beside its base."
        )
    method = METHODS.get(version.method)
    task = str(saved.get("task_type") or (method.task_type if method else CAUSAL))
    if task != CAUSAL or (method is not None and method.task_type != CAUSAL):
        raise UserError(
            "adapter_not_causal",
            f"{version} makes no text: it is a reward model or a classifier ({task}), whose head is not the base's. "
            "Load it with peft beside its base.",
        )


def _require_whole_weights(base: BaseRevision) -> None:
    if base_config(base).get("quantization_config"):
        raise UserError(
            "base_quantized",
            f"{base} is quantized already: a change cannot be added to packed weights. Register the base in 16 bits, "
            "and train on that one.",
            field="base_model",
        )
