"""Device, tokenizer and base model of a run, the same for training and scoring; the base's digests come first.

Nothing here is chosen by a person: what was chosen goes into the `PlanEvent`.
"""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from adapters.fingerprint import Fingerprint, fingerprint, linear_layers
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from workers.child import ChildFailure
from workers.encoding import load_tokenizer
from workers.spec import RunSpec

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
BF16_MAJOR = 8  # Ampere; older GPUs only emulate bfloat16
DIGESTS = {
    "weights_root": "its weights",
    "arch_digest": "the configuration of its architecture",
    "tokenizer_digest": "its tokenizer",
    "chat_template_digest": "its chat template",
}


@dataclass(frozen=True)
class Device:
    """Where a run computes; `base_dtype` is that of the frozen weights outside nf4 and of the arithmetic in it."""

    kind: str
    name: str
    base_dtype: torch.dtype
    quantization: BitsAndBytesConfig | None

    @property
    def mixed_precision(self) -> str:
        """What autocast runs in: bf16, fp16, or "no"."""
        return {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(self.base_dtype, "no")


@dataclass(frozen=True)
class LoadedBase:
    """A base model ready for an adapter."""

    model: PreTrainedModel
    tokenizer: Any
    device: Device
    identity: Fingerprint


def load(spec: RunSpec) -> LoadedBase:
    """Check the base against the spec, then load tokenizer and model.

    Raises:
        ChildFailure: the base is not the registered one, or does not fit the job.
    """
    identity = check_base(spec)
    check_target_modules(spec.config, identity)
    tokenizer = load_tokenizer(spec.base_folder, spec.row_form)
    device = choose_device(spec.config)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(
        spec.base_folder,
        dtype=device.base_dtype,
        quantization_config=device.quantization,
        device_map={"": device.kind},
        local_files_only=True,
        use_safetensors=True,
    )
    return LoadedBase(model, tokenizer, device, identity)


def check_base(spec: RunSpec) -> Fingerprint:
    """The base's fingerprint when it is the registered one.

    Raises:
        ChildFailure: BASE_CHANGED, naming what differs.
    """
    try:
        found = fingerprint(spec.base_folder)
    except UserError as error:
        raise ChildFailure(Cause.BASE_CHANGED, error.message) from error
    registered = spec.base_digests
    different = [words for name, words in DIGESTS.items() if getattr(found, name) != getattr(registered, name)]
    if different:
        raise ChildFailure(
            Cause.BASE_CHANGED,
            f"The files of “{spec.base_name}” on this worker are not those that were registered: "
            f"{' and '.join(different)} differ.",
        )
    return found


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


def choose_device(config: TrainingConfig) -> Device:
    """The first CUDA device where there is one, else the CPU; bfloat16 where the device computes in it.

    A processor without bfloat16 instructions takes 15 times as long in bfloat16 as in float32, so there nf4 computes in
    float32. An unquantized base on the CPU is kept in float32 in any case: it is exact.
    """
    if torch.cuda.is_available():
        has_bf16 = torch.version.hip is not None or torch.cuda.get_device_capability()[0] >= BF16_MAJOR
        kind, name = "cuda", torch.cuda.get_device_name()
        dtype = torch.bfloat16 if has_bf16 else torch.float16
    else:
        kind, name = "cpu", f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
        features = torch.cpu.get_capabilities()
        has_bf16 = bool(features.get("avx512_bf16") or features.get("amx_bf16"))
        dtype = torch.bfloat16 if has_bf16 and config.quantization == "nf4" else torch.float32
    quantization = None
    if config.quantization == "nf4":
        quantization = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=config.bnb_4bit_use_double_quant,
            bnb_4bit_compute_dtype=dtype,
        )
    return Device(kind, name, dtype, quantization)


def plan_facts(base: LoadedBase, config: TrainingConfig) -> dict[str, Any]:
    """What was chosen so far, for the `PlanEvent`."""
    quantization = base.device.quantization
    return {
        "device": base.device.name,
        "base_dtype": _short(base.device.base_dtype),
        "quantization": "none"
        if quantization is None
        else f"nf4{', double quantization' if config.bnb_4bit_use_double_quant else ''}",
        "compute_dtype": _short(base.device.base_dtype),
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


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
