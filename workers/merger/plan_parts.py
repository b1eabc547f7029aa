"""The changes of the tensors of the files, made of what the adapter asks of the parameters that lie in them."""

from collections.abc import Sequence

import torch

from workers.merger.adapter_tensors import AdapterTensors
from workers.merger.changes import (
    Added,
    DoraByColumns,
    DoraByRows,
    Load,
    LowRank,
    LowRankStack,
    Replaced,
    Stacked,
    TokenRows,
)
from workers.merger.names import Unplaceable, View
from workers.merger.plan_targets import LowRankPair, Target
from workers.merger.planned import Change

STACK = 3  # dimensions of the experts of a layer


def change_of(target: Target, tensors: AdapterTensors, shape: Sequence[int], inside: View | None) -> Change | None:
    """What is added to a tensor of the files; None where the adapter only brings another value.

    Args:
        target: what becomes of the parameter.
        tensors: of the adapter.
        shape: the parameter's.
        inside: the tensor of the files as a part of the parameter; None when it is the whole.

    Raises:
        Unplaceable: that part cannot be changed without the others.
    """
    if target.pair is not None:
        return _low_rank(target.pair, shape, inside)
    if target.bias is not None:
        name, scale = target.bias
        first, rows = (0, shape[0]) if inside is None else _rows(inside, shape)
        return Added(lambda: (tensors.exact(name)[first : first + rows],), rows, scale)
    if target.tokens is not None:
        if inside is not None:
            raise Unplaceable("the rows of tokens lie in several tensors")
        name, numbers = target.tokens
        return TokenRows(lambda: (tensors.mapped(name),), shape[0], numbers)
    return None


def value_of(target: Target, tensors: AdapterTensors, inside: View | None) -> torch.Tensor | None:
    """What the adapter puts in the place of a tensor of the files; its bytes stay on the disk until they are used."""
    if not target.value:
        return None
    value = tensors.mapped(target.value)
    if inside is None:
        return value
    return value.as_strided(inside.shape, inside.strides, value.storage_offset() + inside.offset)


def stacked(
    parts: Sequence[tuple[View, Sequence[int], Target]], shape: Sequence[int], tensors: AdapterTensors
) -> Change:
    """The change of a tensor of the files that holds several parameters.

    Args:
        parts: where each parameter lies in the tensor, its shape, and what becomes of it.
        shape: the tensor's.
        tensors: of the adapter.

    Raises:
        Unplaceable: they do not lie below each other.
    """
    found = []
    for view, own, target in parts:
        first, rows = _rows(view, shape)
        change = change_of(target, tensors, own, None)
        if change is None:
            change = Replaced(_mapped(tensors, target.value), rows)
        elif target.value:
            raise Unplaceable("a tensor that holds several parameters is replaced and changed")
        found.append((first, first + rows, change))
    return Stacked(found)


def _mapped(tensors: AdapterTensors, name: str) -> Load:
    return lambda: (tensors.mapped(name),)


def _low_rank(pair: LowRankPair, shape: Sequence[int], inside: View | None) -> Change:
    kind = {"rows": DoraByRows, "columns": DoraByColumns, "": LowRank}[pair.norm]
    if inside is None:
        return (LowRankStack if len(shape) == STACK else kind)(pair.load, shape[0], pair.scale)
    if pair.norm:
        if pair.norm == "columns":
            raise Unplaceable("a DoRA layer whose norms go across lies in several tensors")
        first, rows = _rows(inside, shape)
        return DoraByRows(lambda: _rows_of(pair.load(), first, rows), rows, pair.scale)
    load = _part(pair.load, shape, inside)
    return (LowRankStack if len(inside.shape) == STACK else LowRank)(load, inside.shape[0], pair.scale)


def _rows_of(factors: tuple[torch.Tensor, ...], first: int, rows: int) -> tuple[torch.Tensor, ...]:
    left, right, magnitude = factors
    return left[first : first + rows], right, magnitude[first : first + rows]


def _rows(view: View, shape: Sequence[int]) -> tuple[int, int]:
    """First row and number of rows of a view that takes rows whole.

    Raises:
        Unplaceable: it is something else.
    """
    row = 1
    for size in shape[1:]:
        row *= size
    whole = torch.empty(tuple(shape), device="meta").stride()
    if view.strides != tuple(whole) or view.shape[1:] != tuple(shape[1:]) or view.offset % row:
        raise Unplaceable("the parts do not lie below each other")
    return view.offset // row, view.shape[0]


def _part(load: Load, shape: Sequence[int], view: View) -> Load:
    """The factors of a part: some experts, some rows, some columns, perhaps the other way round."""
    height, width = shape[-2:]
    expert, rest = divmod(view.offset, height * width)
    top, left = divmod(rest, width)
    *stack, rows, columns = view.shape
    is_turned = view.strides[-2:] == (1, width) and (rows, columns) != (1, 1)
    if is_turned:
        rows, columns = columns, rows
    elif view.strides[-2:] != (width, 1):
        raise Unplaceable("the parts are neither rows nor columns")
    if top + rows > height or left + columns > width or (stack and view.strides[0] != height * width):
        raise Unplaceable("the parts are neither rows nor columns")

    def part() -> tuple[torch.Tensor, ...]:
        first, second = load()
        if len(shape) == STACK:
            chosen = slice(expert, expert + stack[0]) if stack else expert
            first, second = first[chosen], second[chosen]
        first, second = first[..., top : top + rows, :], second[..., :, left : left + columns]
        return (second.mT, first.mT) if is_turned else (first, second)

    return part
