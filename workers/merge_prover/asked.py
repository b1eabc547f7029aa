"""What the adapter asks for, tensor by tensor, by peft's own merge of one layer at a time.

Nothing here is shared with the merger, so that a mistake of its cannot hide itself. The model lies on torch's meta
device, where weights need no memory; a layer gets the base's weights, in float32, for as long as peft merges it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from peft import PeftModel, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.save_and_load import load_peft_weights
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.core_model_loading import revert_weight_conversion

from workers.merge_prover.models import make_room

ADAPTER = "default"
MOVES = "_move_adapter_to_device_of_base_layer"
REPLACED = "original_module"
COPIES = {REPLACED, "modules_to_save"}  # peft saves trained biases from there as well, and never uses them
ADDED_BY_PEFT = (".base_layer", ".token_adapter", f".modules_to_save.{ADAPTER}")


class BaseNumbers(Protocol):
    """The base's tensors by their names in its files."""

    def has(self, name: str) -> bool:
        """Whether there is one."""

    def read(self, name: str) -> torch.Tensor:
        """It, in float32, on the device that computes."""


@dataclass(frozen=True)
class Asked:
    """One tensor of the files: `before` are the base's numbers, None where it has none of this shape; float32."""

    name: str
    change: Literal["added", "replaced"]
    before: torch.Tensor | None
    after: torch.Tensor


class AskedChanges:
    """The adapter on a model without memory.

    Attributes:
        unknown: tensors of the adapter that peft finds no place for.
        ties: parameters that are one and the same tensor in the base, each with the others' names.
    """

    def __init__(
        self, base_folder: Path, adapter_folder: Path, device: torch.device, *, trust_remote_code: bool
    ) -> None:
        config = AutoConfig.from_pretrained(base_folder, local_files_only=True, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            self._model = AutoModelForCausalLM.from_config(
                config, dtype=torch.float32, trust_remote_code=trust_remote_code
            )
        self.ties = _ties(self._model)
        self._device = device
        make_room(self._model, adapter_folder)
        tuned = PeftModel.from_pretrained(self._model, str(adapter_folder), low_cpu_mem_usage=True)
        for module in tuned.modules():
            if hasattr(module, MOVES):  # to the base's device, which has no memory
                setattr(module, MOVES, lambda *_, **__: None)
        weights = load_peft_weights(str(adapter_folder), device="cpu")
        loaded: Any = set_peft_model_state_dict(tuned, weights, low_cpu_mem_usage=True)
        self.unknown = [name for name in loaded.unexpected_keys if COPIES.isdisjoint(name.split("."))]
        self._root: Any = tuned.get_base_model()
        self._layers = {
            f"{_plain(name)}.{_parameter_of(module)}": module
            for name, module in self._root.named_modules()
            if isinstance(module, BaseTunerLayer)
        }
        self._brought = {_plain(name): numbers for name, numbers in _brought(self._root)}

    def each(self, base: BaseNumbers) -> Iterator[Asked]:
        """Every tensor that the adapter asks to change."""
        for name, layer in self._layers.items():
            yield from self._merged(name, layer, base)
        biases = {_bias_of(name) for name, layer in self._layers.items() if _adds_bias(layer)}
        for name in sorted(self._brought.keys() - self._layers.keys() - biases):
            value = self._brought[name].to(self._device, torch.float32)
            for file_name, part in self._in_files(name, value, base).items():
                yield Asked(file_name, "replaced", None, part)

    def _merged(self, name: str, layer: Any, base: BaseNumbers) -> Iterator[Asked]:
        attribute = name.rpartition(".")[2]
        shape = getattr(layer.get_base_layer(), attribute).shape
        (file_name, *others) = self._in_files(name, torch.empty(shape, device="meta"), base)
        before = base.read(file_name) if base.has(file_name) and not others else None
        brought = self._brought.get(name)
        if brought is not None:
            fits = before is not None and before.shape == shape
            after, _ = _merge(layer, attribute, brought.to(self._device, torch.float32), None)
            yield Asked(file_name, "added" if fits else "replaced", before if fits else None, after)
        elif before is not None and before.shape == shape:
            adds_bias = _adds_bias(layer)
            (bias_name,) = self._in_files(_bias_of(name), before[:0], base) if adds_bias else ("",)
            bias_before = base.read(bias_name) if adds_bias else None
            learned = self._brought.get(_bias_of(name)) if adds_bias else None  # trained itself, beside what is added
            start = bias_before if learned is None else learned.to(self._device, torch.float32)
            after, bias = _merge(layer, attribute, before.clone(), start)
            yield Asked(file_name, "added", before, after)
            if bias is not None:
                yield Asked(bias_name, "added", bias_before, bias)
        else:
            # Stored as several tensors, or turned round: the change of nothing is the change itself.
            change, _ = _merge(layer, attribute, torch.zeros(shape, device=self._device), None)
            for part_name, part in self._in_files(name, change, base).items():
                part_before = base.read(part_name)
                yield Asked(part_name, "added", part_before, part_before + part)

    def _in_files(self, name: str, numbers: torch.Tensor, base: BaseNumbers) -> Mapping[str, torch.Tensor]:
        """The tensors of the files that a parameter lies in, as transformers would save it."""
        saved: dict[str, torch.Tensor] = revert_weight_conversion(self._model, {name: numbers})
        return {self._known(saved_name, base): part for saved_name, part in saved.items()}

    def _known(self, name: str, base: BaseNumbers) -> str:
        """As the base's files spell it: they may lack the prefix of the model's body, or have one more."""
        prefix = f"{self._model.base_model_prefix}."
        spellings = (name, name.removeprefix(prefix), f"{prefix}{name}")
        return next((spelling for spelling in spellings if base.has(spelling)), name)


def _merge(
    layer: Any, attribute: str, weights: torch.Tensor, bias: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What peft makes of these weights, and of the bias where the adapter adds to it."""
    for numbers in (*layer.parameters(), *layer.buffers()):
        if not numbers.is_meta:
            numbers.data = numbers.data.to(weights.device, torch.float32)
    base = layer.get_base_layer()
    kept, kept_bias = getattr(base, attribute), getattr(base, "bias", None)
    setattr(base, attribute, torch.nn.Parameter(weights, requires_grad=False))
    if bias is not None:
        base.bias = torch.nn.Parameter(bias.clone(), requires_grad=False)
    try:
        with torch.no_grad():
            layer.merge(adapter_names=[ADAPTER])
        return getattr(base, attribute).data, base.bias.data if bias is not None else None
    finally:
        setattr(base, attribute, kept)
        if bias is not None:
            base.bias = kept_bias


def _plain(name: str) -> str:
    """The base's own name of a module or parameter, without what peft put around it."""
    for part in ADDED_BY_PEFT:
        name = name.replace(f"{part}.", ".").removesuffix(part)
    return name


def _bias_of(name: str) -> str:
    return f"{name.rpartition('.')[0]}.bias"


def _adds_bias(layer: Any) -> bool:
    return any(getattr(layer, "lora_bias", {}).values())


def _parameter_of(layer: Any) -> str:
    return str(getattr(layer, "parameter_name", "weight"))


def _brought(root: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Whole tensors that the adapter brings: biases, modules to save, embeddings saved along."""
    own = {name for layer in root.modules() if isinstance(layer, BaseTunerLayer) for name in layer.adapter_layer_names}
    for name, numbers in root.named_parameters():
        if not numbers.is_meta and (own | {REPLACED}).isdisjoint(name.split(".")):
            yield name, numbers.data


def _ties(model: Any) -> dict[str, set[str]]:
    same: dict[int, set[str]] = {}
    for name, numbers in model.named_parameters(remove_duplicate=False):
        same.setdefault(id(numbers), set()).add(name)
    return {name: names - {name} for names in same.values() for name in names}
