"""Device, tokenizer and base model of a run, the same for training and scoring; the base's digests come first.

Nothing here is chosen by a person: what was chosen goes into the `PlanEvent`.
"""

import platform
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    set_seed,
)

from adapters.fingerprint import Fingerprint, linear_layers
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.methods import method_of
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from workers.base_check import check_base_digests
from workers.child import ChildFailure
from workers.encoding import load_tokenizer
from workers.precision import (
    Device,
    choose_device,
    quantization_words,
    quantized_already,
    refuse_precision,
    short_dtype,
    use_tf32,
)
from workers.quick_4bit import use_quick_4bit
from workers.sharding import placement
from workers.spec import RunSpec

__all__ = ["Device", "LoadedBase", "embedding_rows", "library_versions", "load", "peak_memory_bytes", "plan_facts"]

LIBRARIES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "accelerate",
    "datasets",
    "tokenizers",
    "safetensors",
)


@dataclass(frozen=True)
class LoadedBase:
    """A base model ready for an adapter; `quantized_already` says how its files are quantized, where they are."""

    model: PreTrainedModel
    tokenizer: Any
    device: Device
    identity: Fingerprint
    quantized_already: str = ""


def load(spec: RunSpec) -> LoadedBase:
    """Check the base against the spec, then load tokenizer and model.

    Raises:
        ChildFailure: the base is not the registered one, or does not fit the job.
    """
    identity = check_base(spec)
    check_code(spec, identity)
    check_target_modules(spec.config, identity)
    tokenizer = load_tokenizer(spec.base_folder, spec.row_form, trust_remote_code=spec.trust_remote_code)
    already = quantized_already(spec.base_folder)
    device = choose_device(spec.config, already)
    use_tf32()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    use_quick_4bit()
    model = _load_model(spec, device, already, placement(spec, identity, device))
    check_tokenizer_size(tokenizer, embedding_rows(model))
    return LoadedBase(model, tokenizer, device, identity, already)


def _load_model(spec: RunSpec, device: Device, already: str, where: dict[str, Any]) -> PreTrainedModel:
    model_class, head = model_class_of(spec.config)
    quantization = {} if already else {"quantization_config": device.quantization}
    try:
        with _new_head_expected(spec.config):
            return model_class.from_pretrained(
                spec.base_folder,
                **head,
                **quantization,
                dtype=device.base_dtype,
                **where,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=spec.trust_remote_code,
            )
    except (ImportError, NotImplementedError, RuntimeError, ValueError) as error:
        raise refuse_precision(error, spec.config, device, already) from error


def model_class_of(config: TrainingConfig) -> tuple[Any, dict[str, Any]]:
    """The class of the model for the task of the method, and what it is told about its head.

    A reward model's head of one number is new; it is drawn by the config's seed, as trl draws it.
    """
    if method_of(config).task_type == "CAUSAL_LM":
        return AutoModelForCausalLM, {}
    set_seed(config.seed)
    return AutoModelForSequenceClassification, {"num_labels": 1}


def _new_head_expected(config: TrainingConfig) -> AbstractContextManager[Any]:
    """That a reward model's head is not in the base's files is no news, and not to be reported."""
    if method_of(config).task_type == "CAUSAL_LM":
        return nullcontext()
    from trl.trainer.reward_trainer import suppress_seqcls_warning  # noqa: PLC0415 - few runs need it

    return suppress_seqcls_warning()


def check_base(spec: RunSpec) -> Fingerprint:
    """The base's fingerprint when it is the registered one.

    Raises:
        ChildFailure: BASE_CHANGED, naming what differs.
    """
    return check_base_digests(spec.base_folder, spec.base_digests, spec.base_name)


def check_code(spec: RunSpec, identity: Fingerprint) -> None:
    """A base with Python of its own is not touched before an admin allowed it: its revision's digests include it.

    Raises:
        ChildFailure: CODE_NOT_ALLOWED.
    """
    if identity.has_code and not spec.trust_remote_code:
        raise ChildFailure(Cause.CODE_NOT_ALLOWED)


def check_target_modules(config: TrainingConfig, identity: Fingerprint) -> None:
    """Every chosen name must match a linear layer, as peft matches: the whole name or its last parts.

    Raises:
        ChildFailure: BAD_TARGET_MODULES, with the names that the base has.
    """
    if config.target_modules == ALL_LINEAR:
        return
    layers = linear_layers(identity.leaves)
    unknown = [name for name in config.target_modules if not any(f".{layer}".endswith(f".{name}") for layer in layers)]
    if unknown:
        raise ChildFailure(
            Cause.BAD_TARGET_MODULES,
            f"The base model has no linear layer “{unknown[0]}”. It has {', '.join(identity.linear_modules)}.",
        )


def embedding_rows(model: Any) -> int:
    """For how many tokens the model has an embedding."""
    return int(model.get_input_embeddings().weight.shape[0])


def check_tokenizer_size(tokenizer: Any, rows: int) -> None:
    """No token may be beyond the `rows` of the embedding; an embedding that was made larger does no harm.

    Raises:
        ChildFailure: TOKENIZER_SIZE, naming the first token that has no row.
    """
    beyond = sorted((number, token) for token, number in tokenizer.get_vocab().items() if number >= rows)
    if beyond:
        number, token = beyond[0]
        raise ChildFailure(
            Cause.TOKENIZER_SIZE,
            f"The tokenizer goes up to token {beyond[-1][0]:,}, but the base model's embedding has {rows:,} rows: "
            f"“{token}” ({number:,}) is the first without one. They do not belong together.",
        )


def plan_facts(base: LoadedBase, config: TrainingConfig) -> dict[str, Any]:
    """What was chosen so far, for the `PlanEvent`."""
    return {
        "device": base.device.name,
        "base_dtype": short_dtype(base.device.base_dtype),
        "quantization": quantization_words(config, base.quantized_already),
        "compute_dtype": short_dtype(base.device.base_dtype),
        "tf32": torch.get_float32_matmul_precision() == "high",
        "attention": base.model.config._attn_implementation,  # noqa: SLF001 - transformers has no public name for it
        "base_parameters": base.identity.parameters,
        "libraries": library_versions(),
    }


def library_versions() -> dict[str, str]:
    """Versions of all that takes part in a training step."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def peak_memory_bytes() -> int:
    """The most memory that this process has held: on the GPU where there is one, else in RAM."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    import resource  # noqa: PLC0415 - POSIX only

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
