"""Where a derived version came from, in words: its parents, the steps, and where every row went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune_app.datasets.derivation import Derivation, say_steps
from finetune_app.datasets.models import DatasetVersion
from finetune_app.names import split_reference


@dataclass(frozen=True)
class ParentLine:
    """A version whose rows were taken; `number` is None when it is not there any more."""

    reference: str
    name: str
    number: int | None
    rows: int


@dataclass(frozen=True)
class StepLine:
    """A step; `dropped` is how many rows went with it, None for a step that drops none."""

    words: str
    dropped: int | None


@dataclass(frozen=True)
class Origin:
    """How a version was made."""

    parents: list[ParentLine]
    steps: list[StepLine]
    rows: int


def origin_of(version: DatasetVersion) -> Origin | None:
    """How the version was made, None when it was not derived."""
    kept = version.origin
    if kept.get("kind") != "derived":
        return None
    counts, said = kept["counts"], say_steps(Derivation.model_validate(kept["steps"]))
    return Origin(
        parents=_parents(version, counts["read"], kept["parents_sha256"]),
        steps=[StepLine(words, counts["dropped"].get(name)) for name, words in said.items()],
        rows=counts["rows"],
    )


def _parents(version: DatasetVersion, read: Sequence[Mapping[str, Any]], digests: Sequence[str]) -> list[ParentLine]:
    there = DatasetVersion.objects.filter(dataset__workspace=version.dataset.workspace_id, sha256__in=digests)
    known = set(there.values_list("dataset__name", "number", "sha256"))
    lines = []
    for parent, sha256 in zip(read, digests, strict=True):
        name, number = split_reference(parent["version"], field="")
        is_there = (name, number, sha256) in known
        lines.append(ParentLine(parent["version"], name, number if is_there else None, parent["rows"]))
    return lines
