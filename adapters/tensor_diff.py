"""Which tensors two base revisions differ in, from their leaves; layers that differ alike are put together. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from finetune_app.errors import UserError

LAYER = re.compile(r"^(?P<stack>.*?)\.(?P<number>\d+)\.(?P<rest>.+)$")
FIELDS = 4  # of a leaf: name, dtype, shape, sha256


class Difference(StrEnum):
    """What is different about a tensor. Of several, the one that says the most."""

    ADDED = "added"
    REMOVED = "removed"
    SHAPE = "shape"
    DTYPE = "dtype"
    CONTENT = "content"


@dataclass(frozen=True)
class TensorChange:
    """A tensor that differs; `old` and `new` are its type and shape, "" where it is not."""

    name: str
    difference: Difference
    old: str
    new: str


@dataclass(frozen=True)
class TensorGroup:
    """Tensors that differ alike in some layers.

    Attributes:
        stack: what the layers are numbered in, e.g. `model.layers`; "" for tensors outside of any.
        layers: their numbers as people write them, `0–11, 13`; "" outside.
        changes: with the names that they have inside of a layer.
        tensors: how many tensors of the model that is.
    """

    stack: str
    layers: str
    changes: tuple[TensorChange, ...]
    tensors: int


def compare_tensors(old: bytes, new: bytes) -> list[TensorChange]:
    """The tensors that differ, by name; both are leaves as `fingerprint` wrote them, one line each.

    Raises:
        UserError: `leaves_broken`: these are no leaves.
    """
    before, after = _leaves(old), _leaves(new)
    changes = []
    for name in sorted(before.keys() | after.keys()):
        a, b = before.get(name), after.get(name)
        if a == b:
            continue
        changes.append(
            TensorChange(name, _difference(a, b), " ".join(a[:2]) if a else "", " ".join(b[:2]) if b else "")
        )
    return changes


def count_tensors(leaves: bytes) -> int:
    """How many there are."""
    return leaves.count(b"\n")


def grouped(changes: Iterable[TensorChange]) -> list[TensorGroup]:
    """The changes by layer: the stacks of layers first, then what lies outside of them."""
    layers: dict[tuple[str, int], list[TensorChange]] = defaultdict(list)
    outside = []
    for change in changes:
        if found := LAYER.match(change.name):
            inner = TensorChange(found["rest"], change.difference, change.old, change.new)
            layers[found["stack"], int(found["number"])].append(inner)
        else:
            outside.append(change)
    alike: dict[tuple[str, tuple[TensorChange, ...]], list[int]] = defaultdict(list)
    for (stack, number), inside in sorted(layers.items(), key=lambda item: item[0]):
        alike[stack, tuple(inside)].append(number)
    groups = [
        TensorGroup(stack, number_ranges(numbers), inside, len(inside) * len(numbers))
        for (stack, inside), numbers in alike.items()
    ]
    return groups + ([TensorGroup("", "", tuple(outside), len(outside))] if outside else [])


def number_ranges(numbers: Iterable[int]) -> str:
    """`0–3, 7` for 0, 1, 2, 3 and 7."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in ranges)


def _leaves(lines: bytes) -> dict[str, tuple[str, str, str]]:
    found = {}
    for line in lines.decode().splitlines():
        parts = line.split(" ")
        if len(parts) != FIELDS:
            raise UserError("leaves_broken", "The list of tensors of this revision is damaged.", status=500)
        found[parts[0]] = (parts[1], parts[2], parts[3])
    return found


def _difference(old: tuple[str, str, str] | None, new: tuple[str, str, str] | None) -> Difference:
    if old is None or new is None:
        return Difference.ADDED if old is None else Difference.REMOVED
    if old[1] != new[1]:
        return Difference.SHAPE
    return Difference.DTYPE if old[0] != new[0] else Difference.CONTENT
