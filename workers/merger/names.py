"""Where each tensor of the base's files lies among the parameters of its model, as transformers itself says.

Most differ in nothing, or in a prefix. Some are converted while they are loaded: experts are fused, a fused projection
is taken apart. Then the same conversion (backwards, where the files have the parts) runs on a tensor without memory,
and what comes out are views that say by their strides which part is which.
"""

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    WeightConverter,
    WeightRenaming,
    apply_converters,
    apply_renamings,
    dot_natural_key,
    rename_source_key,
)

from adapters.weight_files import StoredTensor


@dataclass(frozen=True)
class View:
    """A tensor that is part of another one, which is contiguous; in numbers, not bytes."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Place:
    """How a tensor of the files and a parameter of the model belong together.

    Attributes:
        parameter: its name in the model.
        inside: the tensor of the files as a view of the parameter; None when it is the whole.
        holds: the parameter as a view of the tensor of the files; None when it is the whole.
    """

    parameter: str
    inside: View | None = None
    holds: View | None = None


class Unplaceable(Exception):
    """How a parameter lies in the files cannot be said: the conversion mixes numbers."""


@dataclass(frozen=True)
class _Group:
    """Tensors of the files that one conversion makes parameters of."""

    converter: WeightConverter
    files: list[StoredTensor]


class FileNames:
    """The base's tensors by the names of its model's parameters.

    Attributes:
        whole: the tensors of the files that are a parameter as they are, by its name.
        parameter_of: the parameters by the names of these tensors.
    """

    def __init__(self, model: PreTrainedModel, tensors: list[StoredTensor]) -> None:
        self._model = model
        self._shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        conversions = get_model_conversion_mapping(model)
        self._renamings = [one for one in conversions if isinstance(one, WeightRenaming)]
        self._converters = [one for one in conversions if isinstance(one, WeightConverter)]
        self._by_pattern = {pattern: one for one in self._converters for pattern in one.source_patterns}
        self.whole: dict[str, StoredTensor] = {}
        self.parameter_of: dict[str, str] = {}
        self._groups: dict[str, _Group] = {}
        for tensor in sorted(tensors, key=lambda tensor: dot_natural_key(tensor.name)):
            self._sort_in(tensor)

    def places(self, parameter: str) -> dict[str, Place]:
        """Where a parameter of the model lies: by the name of each tensor of the files that has a part of it.

        Raises:
            Unplaceable: the conversion mixes numbers.
        """
        if parameter in self.whole:
            return {self.whole[parameter].name: Place(parameter)}
        for first, group in self._groups.items():
            if first == parameter or parameter in self._targets(first, group):
                return self._converted(parameter, first, group)
        return {}

    def name_for(self, parameter: str) -> str:
        """The name in files of a parameter that the base's files do not have."""
        reverse: list[Any] = [one.reverse_transform() for one in self._renamings[::-1] if one.was_used()]
        for name in (parameter, apply_renamings(parameter, reverse)):
            if self._find(name) == (parameter, None):
                return name
        raise Unplaceable(f"no name in files leads to {parameter}")

    def _sort_in(self, tensor: StoredTensor) -> None:
        parameter, pattern = self._find(tensor.name)
        if pattern is None:
            self.whole[parameter] = tensor
            self.parameter_of[tensor.name] = parameter
        else:
            group = self._groups.setdefault(parameter, _Group(self._by_pattern[pattern], []))
            group.files.append(tensor)

    def _find(self, name: str) -> tuple[str, str | None]:
        """The parameter's name as transformers finds it, and the pattern of the converter where one is needed."""
        shapes: Any = self._shapes
        prefix = self._model.base_model_prefix
        found, pattern = rename_source_key(name, self._renamings, self._converters, prefix, shapes)
        if found not in shapes and name in shapes:
            found, pattern = rename_source_key(name, [], [], prefix, shapes)
        return found, pattern

    def _targets(self, first: str, group: _Group) -> list[str]:
        patterns = group.converter.target_patterns
        return [first.replace(patterns[0], pattern) for pattern in patterns]

    def _converted(self, parameter: str, first: str, group: _Group) -> dict[str, Place]:
        if len(group.converter.target_patterns) > 1:
            return self._taken_apart(parameter, first, group)
        probe = _probe(self._shapes[parameter])
        reverse = deepcopy(group.converter).reverse_transform()
        renamed, pattern = apply_converters(parameter, [reverse])  # type: ignore[list-item]
        if pattern is None:
            raise Unplaceable(f"{parameter} is not converted back")
        reverse.add_tensor(renamed, parameter, pattern, probe)  # type: ignore[arg-type]
        made = self._made(reverse, renamed)
        seen = {apply_renamings(tensor.name, self._renamings): tensor for tensor in group.files}
        places = {}
        for name, part in made.items():
            tensor = _match(name, seen)
            if tuple(part.shape) != tensor.shape:
                raise Unplaceable(f"{tensor.name} is not of the shape that the conversion gives")
            places[tensor.name] = Place(parameter, inside=_view(part, probe))
        if len(places) != len(group.files):
            raise Unplaceable(f"{parameter} is made of other tensors than the files have")
        return places

    def _taken_apart(self, parameter: str, first: str, group: _Group) -> dict[str, Place]:
        """The parameter as a part of the one tensor of the files that it is cut from."""
        if len(group.files) != 1:
            raise Unplaceable(f"{parameter} is made of several tensors together with others")
        (tensor,) = group.files
        probe = _probe(tensor.shape)
        renamed = apply_renamings(tensor.name, self._renamings)
        _, pattern = apply_converters(renamed, self._converters)
        if pattern is None:
            raise Unplaceable(f"{parameter} is not converted")
        converter = deepcopy(group.converter)
        converter.add_tensor(first, tensor.name, pattern, probe)  # type: ignore[arg-type]
        made = self._made(converter, first)
        if parameter not in made:
            raise Unplaceable(f"{parameter} does not come out of the conversion")
        return {tensor.name: Place(parameter, holds=_view(made[parameter], probe))}

    def _made(self, converter: Any, layer: str) -> Mapping[str, torch.Tensor]:
        """What a converter makes of the tensors that it was given."""
        try:
            made = converter.convert(layer, model=self._model, config=self._model.config)
        except Exception as error:
            raise Unplaceable(f"{layer} cannot be converted: {error}") from error
        return {name: tensor[0] if isinstance(tensor, list) else tensor for name, tensor in made.items()}


class _Probe(torch.Tensor):
    """A tensor without memory that keeps being a view where it would be copied to be contiguous."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.contiguous:
            return args[0]
        return super().__torch_function__(func, types, args, kwargs or {})


def _probe(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.empty(shape, device="meta").as_subclass(_Probe)


def _view(part: torch.Tensor, whole: torch.Tensor) -> View:
    # The address of the storage: a copy has one of its own.
    if part.untyped_storage()._cdata != whole.untyped_storage()._cdata:  # noqa: SLF001
        raise Unplaceable("the conversion mixes numbers")
    return View(tuple(part.shape), part.stride(), int(part.storage_offset()))


def _match(name: str, seen: Mapping[str, StoredTensor]) -> StoredTensor:
    """The tensor of the files with this name, which may have the base model's prefix or lack it."""
    if name in seen:
        return seen[name]
    near = [tensor for other, tensor in seen.items() if other.endswith(f".{name}") or name.endswith(f".{other}")]
    if len(near) != 1:
        raise Unplaceable(f"the files have no {name}")
    return near[0]


def by_file(places: Mapping[str, Mapping[str, Place]]) -> dict[str, list[Place]]:
    """All places by the tensor of the files."""
    found: dict[str, list[Place]] = defaultdict(list)
    for of_parameter in places.values():
        for name, place in of_parameter.items():
            found[name].append(place)
    return found
