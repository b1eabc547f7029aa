"""Every tensor of an adapter at its parameter, read from the layers that peft makes of the adapter's config.

Scales, patterns and the way round that a layer is stored are peft's: nothing of its rules is said again here.
"""

from collections.abc import Iterator
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from peft.utils.other import ModulesToSaveWrapper, TrainableTokensWrapper
from torch import nn

from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.merger.adapter_tensors import AdapterTensors
from workers.merger.plan_lora import aim_lora
from workers.merger.plan_targets import ADAPTER, PREFIX, Targets, dotted

COPIES = ("original_module", "modules_to_save")


def find_targets(root: nn.Module, names: dict[nn.Module, str], tensors: AdapterTensors) -> Targets:
    """Every tensor of the adapter at its parameter.

    Args:
        root: the base's model with peft's layers in it.
        names: the base's modules by themselves, as they were named before.
        tensors: of the adapter.

    Raises:
        ChildFailure: MERGE_UNFIT: a tensor finds no place, one is missing, or a layer is of a kind that cannot be
            merged.
    """
    targets = Targets(tensors)
    for path, module in root.named_modules():
        if isinstance(module, LoraLayer):
            aim_lora(targets, path, module, names)
        elif isinstance(module, ModulesToSaveWrapper):
            _module_to_save(targets, path, module, names)
        elif isinstance(module, TrainableTokensWrapper):
            _tokens(targets, path, module, names)
        elif module in names and not _is_replaced(targets, names[module]):
            _plain(targets, path, module, names[module])
    unused = sorted(tensors.stored.keys() - targets.used)
    if unused:
        raise ChildFailure(
            Cause.MERGE_UNFIT,
            f"{len(unused)} of the adapter's {len(tensors.stored)} tensors have no place in this base, “{unused[0]}” "
            "first. Take the base that the adapter was trained on.",
        )
    return targets


def _plain(targets: Targets, path: str, module: nn.Module, name: str) -> None:
    """Tensors that the adapter brings as the base has them: trained biases, embeddings that were saved along."""
    for part, parameter in _own(module):
        key = f"{PREFIX}{dotted(path, part)}"
        if key in targets.tensors.stored:
            target = targets.target(dotted(name, part))
            target.value, target.is_base = targets.take(key, tuple(parameter.shape)), True


def _module_to_save(targets: Targets, path: str, module: ModulesToSaveWrapper, names: dict[nn.Module, str]) -> None:
    original = module.original_module
    targets.replaced.append(names[original])
    for part, parameter in original.state_dict().items():
        key = targets.take(f"{PREFIX}{path}.{part}", tuple(parameter.shape))
        targets.target(f"{names[original]}.{part}").value = key
        for copy in COPIES:  # trained biases are saved from there as well, and never read
            targets.used |= {f"{PREFIX}{path}.{copy}.{part}"} & targets.tensors.stored.keys()


def _tokens(targets: Targets, path: str, module: TrainableTokensWrapper, names: dict[nn.Module, str]) -> None:
    layer = module.token_adapter
    original: Any = layer.get_base_layer()
    tokens = tuple(int(token) for token in layer.token_indices[ADAPTER])
    parameter = f"{names[original]}.weight"
    if layer.tied_adapter is not None:  # it does what the other side does, and nothing of its own is saved
        home = names[layer.tied_adapter.get_base_layer()]
        targets.target(parameter).tokens = targets.target(f"{home}.weight").tokens
        return
    key = targets.take(f"{PREFIX}{path}.token_adapter.trainable_tokens_delta", (len(tokens), original.weight.shape[1]))
    targets.target(parameter).tokens = (key, tokens)


def _is_replaced(targets: Targets, name: str) -> bool:
    """Whether all of a module of the base gives way to the adapter's copy."""
    return any(f"{name}.".startswith(f"{module}.") for module in targets.replaced)


def _own(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.named_parameters(recurse=False)
    yield from module.named_buffers(recurse=False)
