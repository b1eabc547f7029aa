"""The plan of a merge: what each tensor of the base's files becomes, found without loading the base or the adapter."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from adapters.weight_files import StoredTensor
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.merges.states import Onto
from workers.child import ChildFailure
from workers.merge_spec import MergeSpec
from workers.merger.adapter_tensors import AdapterTensors
from workers.merger.config_json import changed_keys
from workers.merger.names import Place, Unplaceable, by_file
from workers.merger.plan_base import Base, read_base
from workers.merger.plan_checks import check_adapter, check_base
from workers.merger.plan_find import find_targets
from workers.merger.plan_parts import change_of, stacked, value_of
from workers.merger.plan_targets import Target, Targets
from workers.merger.plan_tied import settle
from workers.merger.planned import MergePlan, Planned
from workers.without_weights import bare_model, with_adapter


def plan_merge(spec: MergeSpec, adapter_folder: Path) -> MergePlan:
    """What a merge makes of each tensor, in the order of the base's files.

    Raises:
        ChildFailure: MERGE_UNFIT, with what does not fit and what to do.
    """
    try:
        return _plan(spec, adapter_folder)
    except UserError as error:
        raise ChildFailure(Cause.MERGE_UNFIT, error.message) from error
    except Unplaceable as error:
        raise ChildFailure(
            Cause.MERGE_UNFIT,
            f"Graft cannot tell where a change of the adapter belongs in the files of {spec.base}: {error}. Use it as "
            "an adapter.",
        ) from error


def _plan(spec: MergeSpec, adapter_folder: Path) -> MergePlan:
    check_base(spec)
    check_adapter(adapter_folder)
    tensors = AdapterTensors(adapter_folder)
    base = read_base(spec, tensors)
    targets = _targets(spec, adapter_folder, base, tensors)
    parted = settle(base, targets)
    _check_round_trips(spec, base, targets)
    return MergePlan(
        tensors=list(_planned(base, targets, parted)),
        adapter_tensors=len(tensors.stored),
        used=len(targets.used),
        config=changed_keys(spec.base_folder, vocabulary=base.vocabulary, is_untied=bool(parted)),
    )


def _targets(spec: MergeSpec, adapter_folder: Path, base: Base, tensors: AdapterTensors) -> Targets:
    model = bare_model(
        spec.base_folder, spec.base, trust_remote_code=spec.trust_remote_code, vocabulary=base.vocabulary
    )
    names = {module: name for name, module in model.named_modules()}
    with_adapter(model, adapter_folder, spec.base)
    return find_targets(model, names, tensors)


def _planned(base: Base, targets: Targets, parted: list[tuple[str, str]]) -> Iterator[Planned]:
    # Those that shared the other's tensor have one of their own from now on.
    shared = {name: other for pair in parted for name, other in (pair, pair[::-1]) if base.follows(name)}
    changed = [name for name, target in targets.of.items() if not target.is_nothing and not base.follows(name)]
    places = {name: _places(base, name) for name in changed}
    in_file = by_file(places)
    for stored in base.stored:
        yield _tensor(base, targets, stored, in_file.get(stored.name, []))
        for parameter, other in shared.items():
            if base.names.whole.get(other) is stored:
                yield _new(base, targets, parameter, stored)


def _places(base: Base, parameter: str) -> dict[str, Place]:
    places = base.names.places(parameter)
    if not places:
        raise Unplaceable(f"they have no tensor for {parameter}")
    return places


def _tensor(base: Base, targets: Targets, stored: StoredTensor, places: list[Place]) -> Planned:
    """What becomes of a tensor of the files."""
    whole = base.names.parameter_of.get(stored.name, "")
    plain = Planned(
        stored.name,
        stored.shape,
        source=stored,
        is_round_tripped=whole in base.quantized,
        is_turned=base.quantized.get(whole, False),
    )
    if whole in base.shapes and base.shapes[whole] != stored.shape and not targets.target(whole).value:
        raise Unplaceable(f"{stored.name} is {list(stored.shape)} where its model has {list(base.shapes[whole])}")
    if not places:
        return plain
    if places[0].holds is not None:
        parts = [
            (place.holds, base.shapes[place.parameter], targets.of[place.parameter]) for place in places if place.holds
        ]
        return replace(plain, change=stacked(parts, stored.shape, targets.tensors))
    (place,) = places
    return _changed(plain, base.shapes[place.parameter], targets, targets.of[place.parameter], place)


def _changed(plain: Planned, shape: tuple[int, ...], targets: Targets, target: Target, place: Place) -> Planned:
    shape_here = shape if place.inside is None else place.inside.shape
    change = change_of(target, targets.tensors, shape, place.inside)
    if not target.value:
        return replace(plain, change=change)
    if change is None:
        return replace(plain, shape=shape_here, value=value_of(target, targets.tensors, place.inside))
    if place.inside is not None:
        raise Unplaceable(f"{plain.name} is part of a parameter that is both replaced and changed")
    # What is added to is the adapter's own copy: of an embedding with more rows, or one that the base has otherwise.
    return replace(plain, shape=shape_here, source=targets.tensors.stored[target.value], change=change)


def _new(base: Base, targets: Targets, parameter: str, shared: StoredTensor) -> Planned:
    """A tensor that the base's files do not have: it was one with another, and the adapter makes them two."""
    plain = Planned(base.names.name_for(parameter), shared.shape, source=shared)
    target = targets.of.get(parameter, Target())
    planned = _changed(plain, base.shapes[parameter], targets, target, Place(parameter))
    return replace(planned, source=None) if planned.value is not None else planned


def _check_round_trips(spec: MergeSpec, base: Base, targets: Targets) -> None:
    """A layer that the files have in parts went through nf4 as a whole, which cannot be done again part by part."""
    if spec.options.onto == Onto.ORIGINAL and not spec.options.compare_ways:
        return
    converted = [name for name in base.quantized if name in targets.of and name not in base.names.whole]
    if converted:
        raise ChildFailure(
            Cause.MERGE_UNFIT,
            f"{converted[0]} of {spec.base} lies in its files in another form, so it cannot go through nf4 as the "
            "training saw it. Add to the original weights, and do not measure both ways.",
        )
