"""Where a derived version came from, in words: its parents, the steps, and where every row went."""

from dataclasses import dataclass

from finetune_app.datasets.derivation import Derivation, say_steps
from finetune_app.datasets.models import DatasetVersion
from finetune_app.names import split_reference

STEPS = ("drop_rows", "where", "sample", "shuffle", "split")


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
    steps, counts = Derivation.model_validate(kept["steps"]), kept["counts"]
    given = [name for name in STEPS if getattr(steps, name)]
    words = say_steps(steps.model_copy(update={"also": []}))
    return Origin(
        parents=[
            _parent(version, parent["version"], sha256, parent["rows"])
            for parent, sha256 in zip(counts["read"], kept["parents_sha256"], strict=True)
        ],
        steps=[StepLine(said, counts["dropped"].get(name)) for name, said in zip(given, words, strict=True)],
        rows=counts["rows"],
    )


def _parent(version: DatasetVersion, reference: str, sha256: str, rows: int) -> ParentLine:
    name, number = split_reference(reference, field="")
    workspace = version.dataset.workspace_id
    is_there = DatasetVersion.objects.filter(
        dataset__workspace=workspace, dataset__name=name, number=number or 0, sha256=sha256
    ).exists()
    return ParentLine(reference, name, number if is_there else None, rows)
