"""In which numbers a run computes: chosen by what the device can do and what the base's files are.

Nothing here is chosen by a person but the quantization; what was chosen goes into the `PlanEvent`.
"""

import json
import logging
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import BitsAndBytesConfig

from adapters.base_texts import CONFIG
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.option_rules import FOUR_BITS
from finetune_app.jobs.training_config import TrainingConfig
from workers.child import ChildFailure
from workers.out_of_memory import is_out_of_memory

EVERY_PRODUCT = "bitsandbytes.autograd._functions"
AMPERE = 8  # older GPUs only emulate bfloat16, and have no TF32
# What transformers needs beside itself for bases that are quantized already.
PACKAGES = {
    "aqlm": "aqlm",
    "auto-round": "auto-round",
    "awq": "gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "fbgemm_fp8": "fbgemm-gpu",
    "gptq": "gptqmodel and optimum",
    "hqq": "hqq",
    "mxfp4": "kernels",
    "quanto": "optimum-quanto",
    "torchao": "torchao",
}


@dataclass(frozen=True)
class Device:
    """Where a run computes; `base_dtype` is that of the frozen weights outside nf4 and of the arithmetic in it."""

    kind: Literal["cuda", "cpu"]
    name: str
    base_dtype: torch.dtype
    quantization: BitsAndBytesConfig | None

    @property
    def mixed_precision(self) -> str:
        """What autocast runs in: bf16, fp16, or "no"."""
        return {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(self.base_dtype, "no")


def quantized_already(base_folder: Path) -> str:
    """How the base's files are quantized (“gptq”, “awq” and so on); "" when they are not."""
    found = json.loads((base_folder / CONFIG).read_text()).get("quantization_config")
    if not isinstance(found, dict):
        return ""
    return str(found.get("quant_method") or "bitsandbytes")


def choose_device(config: TrainingConfig, already: str = "") -> Device:
    """The first CUDA device where there is one, else the CPU, with the dtype that suits it.

    Args:
        config: says how the base is to be quantized.
        already: how it is quantized already; it is then loaded as it is.
    """
    kind: Literal["cuda", "cpu"]
    if torch.cuda.is_available():
        kind, name, has_bf16 = "cuda", torch.cuda.get_device_name(), _gpu_has("bfloat16")
    else:
        kind, name = "cpu", f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
        features = torch.cpu.get_capabilities()
        has_bf16 = bool(features.get("avx512_bf16") or features.get("amx_bf16"))
    dtype = choose_dtype(kind, has_bf16=has_bf16, is_four_bit=bool(already) or config.quantization in FOUR_BITS)
    return Device(kind, name, dtype, None if already else bitsandbytes_config(config, dtype))


def choose_dtype(kind: str, *, has_bf16: bool, is_four_bit: bool) -> torch.dtype:
    """bfloat16 where the device computes in it; else float16 on a GPU, where losses are scaled, and float32 on a CPU.

    A processor without bfloat16 instructions takes 15 times as long in bfloat16 as in float32. An unquantized base on
    the CPU is kept in float32 in any case: it is exact.
    """
    if kind == "cuda":
        return torch.bfloat16 if has_bf16 else torch.float16
    return torch.bfloat16 if has_bf16 and is_four_bit else torch.float32


def bitsandbytes_config(config: TrainingConfig, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """How bitsandbytes is to quantize the base while it is loaded; None for a base without quantization."""
    if config.quantization == "int8":
        logging.getLogger(EVERY_PRODUCT).setLevel(logging.ERROR)  # it says at each one that it computes in float16
        return BitsAndBytesConfig(load_in_8bit=True)
    if config.quantization in FOUR_BITS:
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=config.quantization,
            bnb_4bit_use_double_quant=config.bnb_4bit_use_double_quant,
            bnb_4bit_compute_dtype=dtype,
        )
    return None


def use_tf32() -> bool:
    """Let float32 products run in TF32 where the GPU has it; says whether they do."""
    has_tf32 = torch.cuda.is_available() and torch.version.hip is None and _gpu_has("tf32")
    if has_tf32:
        torch.set_float32_matmul_precision("high")
    return has_tf32


def _gpu_has(what: str) -> bool:
    if torch.version.hip is not None:
        return what == "bfloat16"
    return bool(torch.cuda.get_device_capability()[0] >= AMPERE)


def quantization_words(config: TrainingConfig, already: str) -> str:
    """How the base is quantized, for the facts of the run."""
    if already:
        return f"as it is ({already})"
    double = ", double quantization" if config.bnb_4bit_use_double_quant and config.quantization in FOUR_BITS else ""
    return f"{config.quantization}{double}"


def refuse_precision(error: Exception, config: TrainingConfig, device: Device, already: str) -> Exception:
    """What to raise for an error while a quantized base was loaded: what is missing, where that is the reason.

    Returns:
        A `ChildFailure` with PRECISION_UNSUPPORTED, or `error` itself when it has nothing to do with quantization.
    """
    if is_out_of_memory(error) or not (already or device.quantization):
        return error
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if not already:
        return ChildFailure(
            Cause.PRECISION_UNSUPPORTED, f"{device.name} cannot load the base in {config.quantization}: {reason}"
        )
    package = PACKAGES.get(already)
    needs = f" The worker needs {package} for it." if package else ""
    return ChildFailure(
        Cause.PRECISION_UNSUPPORTED,
        f"The base is quantized already ({already}), and {device.name} cannot load it: {reason}{needs}",
    )


def short_dtype(dtype: Any) -> str:
    """`bfloat16`, without the library's name."""
    return str(dtype).removeprefix("torch.")
