"""What a worker finds out of how adapter versions changed the weights: `workers/delta_comparer` writes it. Pure."""

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VersionDelta(_Frozen):
    """How much one version changes the weights: Frobenius norms of ΔW, in whole and of each module.

    `remarks` say what of it is left out; `problem` why nothing could be measured at all.
    """

    norm: float | None = None
    norms: list[float | None] = []
    remarks: list[str] = []
    problem: str = ""


class Likeness(_Frozen):
    """How alike the changes of two versions are: the cosine between them, in whole and in each module.

    None where one of them changes nothing, or where the module has another shape in the other version.
    """

    first: int
    second: int
    cosine: float | None
    cosines: list[float | None]


class Deltas(_Frozen):
    """The changes of several versions; a version is meant by its place in `versions`, a module by that in `modules`."""

    modules: list[str]
    versions: list[VersionDelta]
    pairs: list[Likeness]

    def in_order(self, places: list[int]) -> "Deltas":
        """The same for versions in another order: `places` names, for each of them, where it stands here."""
        new = {old: place for place, old in enumerate(places)}
        pairs = [
            pair.model_copy(
                update={
                    "first": min(new[pair.first], new[pair.second]),
                    "second": max(new[pair.first], new[pair.second]),
                }
            )
            for pair in self.pairs
        ]
        return self.model_copy(
            update={
                "versions": [self.versions[place] for place in places],
                "pairs": sorted(pairs, key=lambda pair: (pair.first, pair.second)),
            }
        )
