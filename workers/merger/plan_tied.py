"""What the adapter brings of the base's own tensors, and what becomes of embeddings that are one with the head."""

from workers.merger.adapter_tensors import AdapterTensors
from workers.merger.changes import are_same
from workers.merger.plan_base import Base
from workers.merger.plan_parts import change_of
from workers.merger.plan_targets import Target, Targets
from workers.merger.plan_values import are_equal


def settle(base: Base, targets: Targets) -> list[tuple[str, str]]:
    """Let go of what changes nothing, and find the tied parameters that the adapter makes two.

    Returns:
        These pairs.
    """
    for one, other in base.tied:
        _share(targets, one, other)
        _share(targets, other, one)
    _forget_same(base, targets)
    return [pair for pair in base.tied if not _stay_tied(base, targets, *pair)]


def _share(targets: Targets, one: str, other: str) -> None:
    """A whole tensor that stands for the base's own one is put where both sides have it."""
    brought = targets.of.get(one)
    if brought and brought.value and brought.is_base and not targets.target(other).value:
        targets.target(other).value = brought.value
        targets.target(other).is_base = True


def _forget_same(base: Base, targets: Targets) -> None:
    """Peft saves embeddings along in some cases; they are mostly those of the base."""
    partners = dict(base.tied) | {other: one for one, other in base.tied}
    for parameter, target in targets.of.items():
        if not target.value:
            continue
        stored = base.names.whole.get(parameter) or base.names.whole.get(partners.get(parameter, ""))
        if stored and are_equal(stored, targets.tensors.stored[target.value]):
            target.value = ""


def _stay_tied(base: Base, targets: Targets, one: str, other: str) -> bool:
    first, second = targets.of.get(one, Target()), targets.of.get(other, Target())
    shape = base.shapes[other]
    return _same_values(targets.tensors, first.value, second.value) and are_same(
        change_of(first, targets.tensors, shape, None), change_of(second, targets.tensors, shape, None)
    )


def _same_values(tensors: AdapterTensors, one: str, other: str) -> bool:
    if not one or not other:
        return one == other
    return one == other or are_equal(tensors.stored[one], tensors.stored[other])
