"""The models that are compared, loaded one after the other: base, base in 4 bits, with the adapter, and merged."""

import json
import platform
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit
from peft import PeftModel
from safetensors import safe_open
from torch.nn.functional import linear
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from adapters.adapter_folder_names import CONFIG, WEIGHTS
from adapters.weight_files import read_tensors, weight_files
from finetune_app.jobs.causes import Cause
from finetune_app.merges.states import WeightsDtype
from workers.child import ChildFailure
from workers.evaluator.measure import keep_head_input_contiguous
from workers.merge_spec import MergeSpec
from workers.quick_4bit import use_quick_4bit
from workers.trainer.fitting import container_free_bytes

MARGIN = 1.15  # of the weights: what a pass of a few rows needs beside them
PROBLEMS = ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")


@dataclass(frozen=True)
class Place:
    """Where and in what the models compute."""

    device: torch.device
    dtype: torch.dtype

    @property
    def name(self) -> str:
        """The device in words."""
        if self.device.type == "cuda":
            return str(torch.cuda.get_device_name(self.device))
        return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def choose_place(base_folder: Path, merged: WeightsDtype) -> Place:
    """Float32 where memory holds the model so, since then rounding of activations hides nothing; else as merged.

    A GPU goes first; what fits on none computes on the CPU.
    """
    weights = sum(_numbers(tensor.shape) for tensor in read_tensors(weight_files(base_folder)))
    dtypes = list(dict.fromkeys((torch.float32, getattr(torch, merged))))
    free = {torch.device("cpu"): min(int(psutil.virtual_memory().available), container_free_bytes())}
    if torch.cuda.is_available():
        free = {torch.device("cuda", 0): torch.cuda.mem_get_info(0)[0]} | free
    places = [Place(device, dtype) for device in free for dtype in dtypes]
    fitting = (place for place in places if weights * place.dtype.itemsize * MARGIN <= free[place.device])
    return next(fitting, places[-1])


def load_plain(folder: Path, place: Place, *, trust_remote_code: bool) -> tuple[Any, set[str]]:
    """The model as plain transformers loads it, and the tensors that it missed or could not use."""
    return _load(folder, place, dtype=place.dtype, trust_remote_code=trust_remote_code)


def load_quantized(spec: MergeSpec, place: Place) -> tuple[Any, set[str]]:
    """The base in 4 bits, as the training of a QLoRA adapter saw it.

    It is quantized from the numbers that the training loaded, so each weight is what it was there; what computes with
    them computes in the place's dtype.
    """
    use_quick_4bit()
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=spec.quant_type,
        bnb_4bit_use_double_quant=spec.double_quant,
        bnb_4bit_compute_dtype=place.dtype,
    )
    model, problems = _load(
        spec.base_folder,
        place,
        dtype=getattr(torch, spec.compute_dtype),
        quantization_config=quantization,
        trust_remote_code=spec.trust_remote_code,
    )
    for numbers in (*model.parameters(), *model.buffers()):
        if numbers.is_floating_point():
            numbers.data = numbers.data.to(place.dtype)
    for layer in model.modules():
        if isinstance(layer, Linear4bit):
            layer.forward = partial(_as_in_training, layer)  # type: ignore[method-assign]
    return model, problems


def _as_in_training(layer: Any, numbers: torch.Tensor) -> torch.Tensor:
    """A layer in 4 bits as bitsandbytes computes it where a gradient is wanted: weights back, then a plain product.

    Without a gradient it takes fused kernels, which round on the way (on an H100 logits of float32 move by 0.7 %), or
    repacks the weights for good.
    """
    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(numbers.dtype)
    return linear(numbers, weight, layer.bias)


def with_adapter(model: Any, adapter_folder: Path) -> Any:
    """The model with the adapter beside its weights, as peft computes it."""
    tuned = PeftModel.from_pretrained(model, str(adapter_folder))
    tuned.eval()
    return tuned


def make_room(model: Any, adapter_folder: Path) -> bool:
    """Give the embedding as many rows as the adapter's own copy has, which may have learned new tokens.

    Returns:
        Whether it had another number before.
    """
    embedding = model.get_input_embeddings()
    heads = [embedding, model.get_output_embeddings()]
    names = {name for name, module in model.named_modules() if any(module is head for head in heads)}
    rows = {shape[0] for name, shape in _shapes(adapter_folder) if _saved_module(name) in names}
    if not rows or (wanted := max(rows)) == embedding.weight.shape[0]:
        return False
    model.resize_token_embeddings(wanted, mean_resizing=False)
    return True


def require_mergeable(adapter_folder: Path) -> None:
    """The adapter must be there, and for a model that writes.

    Raises:
        ChildFailure: FILES_MISSING, MERGE_UNFIT.
    """
    try:
        config = json.loads((adapter_folder / CONFIG).read_text())
    except FileNotFoundError as error:
        raise ChildFailure(Cause.FILES_MISSING, "The run folder has no adapter.") from error
    if config.get("task_type") not in {None, "CAUSAL_LM"}:
        raise ChildFailure(Cause.MERGE_UNFIT, f"It was made for {config['task_type']}, not for writing text.")


def _load(folder: Path, place: Place, **options: Any) -> tuple[Any, set[str]]:
    found: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        device_map={"": place.device},
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    model, info = found
    model.eval()
    keep_head_input_contiguous(model)
    return model, {f"{kind}: {_first(item)}" for kind in PROBLEMS for item in info.get(kind) or ()}


def _saved_module(name: str) -> str:
    """The module whose own weights an adapter's tensor replaces, without what peft adds to the name."""
    name = name.removeprefix("base_model.model.").replace(".base_layer.", ".").replace(".modules_to_save.", ".")
    return name.removesuffix(".weight")


def _shapes(adapter_folder: Path) -> list[tuple[str, list[int]]]:
    with safe_open(adapter_folder / WEIGHTS, framework="pt") as file:
        return [(name, file.get_slice(name).get_shape()) for name in file.keys()]  # noqa: SIM118 - no mapping


def _numbers(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())


def _first(item: Any) -> str:
    return str(item[0] if isinstance(item, tuple) else item)
