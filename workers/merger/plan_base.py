"""The base of a merge: its files' tensors, their names in its model, and what training made of its layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.base import HfQuantizer
from transformers.quantizers.quantizers_utils import should_convert_module

from adapters.weight_files import StoredTensor, in_place_order, read_tensors, weight_files
from workers.merge_spec import MergeSpec
from workers.merger.adapter_tensors import AdapterTensors
from workers.merger.names import FileNames
from workers.merger.plan_targets import PREFIX
from workers.merger.plan_values import are_equal
from workers.without_weights import bare_model

# How peft names the base's own embedding in an adapter: alone, within a LoRA layer, within one of trained tokens.
EMBEDDING_IN = ("weight", "base_layer.weight", "token_adapter.base_layer.weight")


@dataclass(frozen=True)
class Base:
    """What a plan needs to know of the base.

    Attributes:
        stored: the tensors of its files, in the order of the files.
        names: where they lie among the model's parameters.
        shapes: of the model's parameters.
        tied: pairs of parameters that are one tensor.
        quantized: weights that went through nf4 in the training, and whether they were turned for that.
        vocabulary: rows that the adapter's embeddings have; None when it says nothing of them or has as many.
    """

    stored: list[StoredTensor]
    names: FileNames
    shapes: dict[str, tuple[int, ...]]
    tied: list[tuple[str, str]]
    quantized: dict[str, bool]
    vocabulary: int | None

    def follows(self, parameter: str) -> bool:
        """Whether a parameter has no tensor of its own because it is one with another that has."""
        return any(parameter in pair for pair in self.tied) and not self.names.places(parameter)


def read_base(spec: MergeSpec, adapter: AdapterTensors) -> Base:
    """Read the headers of its files and build its model without weights."""
    model = _bare(spec)
    vocabulary = _rows_in(adapter, model)
    if vocabulary is not None:
        model = _bare(spec, vocabulary)
    stored = in_place_order(read_tensors(weight_files(spec.base_folder)))
    names = FileNames(model, stored)
    return Base(
        stored=stored,
        names=names,
        shapes={name: tuple(tensor.shape) for name, tensor in model.state_dict().items()},
        tied=list(_tied(model, names)),
        quantized=dict(_quantized(model)) if spec.is_quantized else {},
        vocabulary=vocabulary,
    )


def _bare(spec: MergeSpec, vocabulary: int | None = None) -> PreTrainedModel:
    return bare_model(spec.base_folder, spec.base, trust_remote_code=spec.trust_remote_code, vocabulary=vocabulary)


def _rows_in(adapter: AdapterTensors, model: PreTrainedModel) -> int | None:
    """For how many tokens the adapter has a whole embedding, where that is not what the base has."""
    embedding: Any = model.get_input_embeddings()
    name = next((name for name, module in model.named_modules() if module is embedding), None)
    for part in EMBEDDING_IN:
        stored = adapter.stored.get(f"{PREFIX}{name}.{part}")
        if stored and len(stored.shape) == 2 and stored.shape[0] != embedding.weight.shape[0]:  # noqa: PLR2004
            return stored.shape[0]
    return None


def _tied(model: PreTrainedModel, names: FileNames) -> Iterator[tuple[str, str]]:
    """Parameters that transformers makes one when it loads them: not those that the files have in two versions."""
    for target, source in getattr(model, "all_tied_weights_keys", {}).items():
        one, other = names.whole.get(target), names.whole.get(source)
        if one is None or other is None or are_equal(one, other):
            yield target, source


def _quantized(model: PreTrainedModel) -> Iterator[tuple[str, bool]]:
    """The layers that transformers lets bitsandbytes quantize."""
    exact: Any = model._keep_in_fp32_modules  # noqa: SLF001 - as transformers' own quantizer asks
    kept = HfQuantizer.get_modules_to_not_convert(model, None, exact)
    for name, module in model.named_modules():
        if (isinstance(module, Conv1D) or type(module) is nn.Linear) and should_convert_module(name, kept):
            yield f"{name}.weight", isinstance(module, Conv1D)
