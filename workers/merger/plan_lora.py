"""Which factors of an adapter belong to a layer, and how they multiply to a change of its shape."""

from typing import Any, Literal

import torch
from peft.tuners.lora.layer import Embedding, Linear, ParamWrapper
from peft.tuners.lora.variants import DoraEmbeddingVariant, DoraLinearVariant
from torch import nn

from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.merger.plan_targets import ADAPTER, PREFIX, LowRankPair, Targets, dotted


def aim_lora(targets: Targets, path: str, layer: Any, names: dict[nn.Module, str]) -> None:
    """Find what a LoRA layer asks of its base's parameters.

    Args:
        targets: get it.
        path: the layer's name in the model that has peft's layers.
        layer: one that peft made.
        names: the base's modules by themselves, as they were named before.

    Raises:
        ChildFailure: MERGE_UNFIT.
    """
    original = layer.get_base_layer()
    name, prefix = names[original], f"{PREFIX}{path}"
    variant = layer.lora_variant.get(ADAPTER)
    if not isinstance(layer, Linear | Embedding | ParamWrapper) or not (
        variant is None or isinstance(variant, DoraLinearVariant | DoraEmbeddingVariant)
    ):
        kind = type(variant).__name__.removesuffix("Variant") if variant else type(layer).__name__
        raise ChildFailure(
            Cause.MERGE_UNFIT,
            f"The adapter changes {name} in a way that Graft cannot merge ({kind}). Use it as an adapter.",
        )
    if isinstance(layer, ParamWrapper):
        targets.target(dotted(name, layer.parameter_name)).pair = _experts(targets, prefix, layer)
    elif isinstance(layer, Embedding):
        targets.target(f"{name}.weight").pair = _embedding(targets, prefix, layer)
    else:
        targets.target(f"{name}.weight").pair = _linear(targets, prefix, layer)
        if layer.lora_bias.get(ADAPTER):
            _bias(targets, prefix, layer, name)


def _linear(targets: Targets, prefix: str, layer: Any) -> LowRankPair:
    a = targets.take(f"{prefix}.lora_A.weight", tuple(layer.lora_A[ADAPTER].weight.shape))
    b = targets.take(f"{prefix}.lora_B.weight", tuple(layer.lora_B[ADAPTER].weight.shape))
    magnitude = _magnitude(targets, prefix, layer)
    is_turned, exact = bool(layer.fan_in_fan_out), targets.tensors.exact

    def load() -> tuple[torch.Tensor, ...]:
        factors = (exact(a).T, exact(b).T) if is_turned else (exact(b), exact(a))
        return (*factors, exact(magnitude).flatten()) if magnitude else factors

    norm: Literal["", "rows", "columns"] = "" if not magnitude else "columns" if is_turned else "rows"
    return LowRankPair(load, layer.scaling[ADAPTER], norm)


def _embedding(targets: Targets, prefix: str, layer: Any) -> LowRankPair:
    a = targets.take(f"{prefix}.lora_embedding_A", tuple(layer.lora_embedding_A[ADAPTER].shape))
    b = targets.take(f"{prefix}.lora_embedding_B", tuple(layer.lora_embedding_B[ADAPTER].shape))
    magnitude, exact = _magnitude(targets, prefix, layer), targets.tensors.exact

    def load() -> tuple[torch.Tensor, ...]:
        factors = (exact(a).T, exact(b).T)
        return (*factors, exact(magnitude).flatten()) if magnitude else factors

    return LowRankPair(load, layer.scaling[ADAPTER], "columns" if magnitude else "")


def _magnitude(targets: Targets, prefix: str, layer: Any) -> str:
    if ADAPTER not in layer.lora_variant:
        return ""
    shape = tuple(layer.lora_magnitude_vector[ADAPTER].weight.shape)
    return targets.take(f"{prefix}.lora_magnitude_vector", shape)


def _bias(targets: Targets, prefix: str, layer: Any, name: str) -> None:
    if getattr(layer.get_base_layer(), "bias", None) is None:
        raise ChildFailure(
            Cause.MERGE_UNFIT,
            f"The adapter was trained with lora_bias, and {name} of the base has no bias that it could be added to. "
            "Use it as an adapter.",
        )
    key = targets.take(f"{prefix}.lora_B.bias", tuple(layer.lora_B[ADAPTER].bias.shape))
    targets.target(f"{name}.bias").bias = (key, layer.scaling[ADAPTER])


def _experts(targets: Targets, prefix: str, layer: Any) -> LowRankPair:
    """The factors of all experts lie beside each other: A by expert and rank, B by rank and expert."""
    a = targets.take(f"{prefix}.lora_A.weight", tuple(layer.lora_A[ADAPTER].weight.shape))
    b = targets.take(f"{prefix}.lora_B.weight", tuple(layer.lora_B[ADAPTER].weight.shape))
    count, exact = layer.num_experts, targets.tensors.exact
    is_matrix, is_swapped = len(layer.get_param().shape) == 2, layer._did_swap_in_out_features  # noqa: PLR2004, SLF001

    def load() -> tuple[torch.Tensor, ...]:
        if is_matrix:
            return exact(b), exact(a)
        inner = exact(a).reshape(count, -1, exact(a).shape[1])
        outer = exact(b).reshape(exact(b).shape[0], -1, count).permute(2, 0, 1)
        return (outer, inner) if is_swapped else (inner.mT, outer.mT)

    return LowRankPair(load, layer.scaling[ADAPTER])
