"""The JSON of comparisons over REST."""

from collections.abc import Sequence
from typing import Any, Self

from django.http import HttpRequest
from ninja import Field, Schema

from adapters.models import AdapterVersion, RegistryTask
from finetune_app.comparison.curves import Curve
from finetune_app.comparison.deltas import Deltas
from finetune_app.comparison.page import Comparison
from finetune_app.work.states import TaskState


class ComparedOut(Schema):
    """One of the versions."""

    version: str = Field(description="`name@number`.")
    status: str
    aliases: list[str]
    base_model: str = Field(description="`name@revision`.")
    weights_root: str = Field(description="Of the base; other values are other weights.")
    dataset: str | None = Field(description="`name@version`; null when nobody knows.")
    method: str
    rank: int | None
    alpha: float | None
    weights_size: int | None = Field(description="Bytes of the file with the weights.")


class OptionOut(Schema):
    """One option."""

    name: str
    values: list[str] = Field(description="In each version, as text; “–” where a version has no such option.")
    differs: bool


class MeasureOut(Schema):
    """One measure on held-out rows."""

    measure: str
    lower_is_better: bool
    values: list[float | None] = Field(description="Of each version; null where it was not measured.")
    base_values: list[float | None] = Field(description="Of each version's base, on the same rows.")
    best: list[int] = Field(description="The places of the best versions; empty when all are the same.")


class ComparisonOut(Schema):
    """Versions beside each other. Every list of values is in the order of `versions`."""

    versions: list[ComparedOut]
    warnings: list[str] = Field(description="What keeps them from being compared, a sentence or two each.")
    options: list[OptionOut]
    scores: list[MeasureOut]

    @classmethod
    def of(cls, compared: Comparison) -> Self:
        """The answer for what was compared."""
        return cls(
            versions=[
                ComparedOut(
                    version=str(side.version),
                    status=side.version.status,
                    aliases=side.aliases,
                    base_model=f"{side.manifest.base.name}@{side.manifest.base.revision}",
                    weights_root=side.manifest.base.weights_root,
                    dataset=f"{lineage.dataset}@{lineage.dataset_version}" if lineage.dataset else None,
                    method=lineage.method,
                    rank=side.rank,
                    alpha=side.alpha,
                    weights_size=side.weights_size,
                )
                for side in compared.sides
                for lineage in [side.manifest.lineage]
            ],
            warnings=compared.warnings,
            options=[OptionOut(name=one.name, values=one.values, differs=one.differs) for one in compared.options],
            scores=[
                MeasureOut(
                    measure=row.key,
                    lower_is_better=row.lower_is_better,
                    values=[cell.value for cell in row.cells],
                    base_values=[cell.before_value for cell in row.cells],
                    best=[place for place, cell in enumerate(row.cells) if cell.is_best],
                )
                for row in compared.scores
            ],
        )


class CurveOut(Schema):
    """The losses of one version while its job trained."""

    version: str
    training: list[tuple[int, float]] = Field(description="Step and loss; long runs as means of stretches of steps.")
    held_out: list[tuple[int, float]] = Field(description="Step and loss on the held-out rows.")
    missing: str = Field(description="Why there is no curve, in words; empty when there is one.")

    @classmethod
    def of(cls, curve: Curve) -> Self:
        """The answer for one curve."""
        return cls(version=str(curve.version), training=curve.training, held_out=curve.held_out, missing=curve.missing)


class CurvesOut(Schema):
    """The loss curves of several versions."""

    curves: list[CurveOut]

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> Self:
        """The answer for these curves."""
        return cls(curves=[CurveOut.of(curve) for curve in curves])


class DeltaTaskErrorOut(Schema):
    """Why a task failed."""

    code: str = Field(description="Stable; match on this.")
    message: str = Field(description="One sentence for people.")


class DeltaTaskOut(Schema):
    """How far the worker is. Ask `url` again."""

    state: TaskState = Field(description="`succeeded` and `failed` are final.")
    done: int = Field(description="Modules, of `total`; both are 0 while nothing is known.")
    total: int
    error: DeltaTaskErrorOut | None
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, task: RegistryTask, request: HttpRequest) -> Self:
        """The answer for `task`, which `request` asked for."""
        failed = task.state == TaskState.FAILED
        return cls(
            state=TaskState(task.state),
            done=task.done,
            total=task.total,
            error=DeltaTaskErrorOut(code=task.error_code, message=task.error) if failed else None,
            url=request.build_absolute_uri(),
        )


class DeltaOut(Schema):
    """How much one version changes the weights."""

    version: str
    norm: float | None = Field(description="Frobenius norm of all of ΔW; null when it could not be measured.")
    norms: list[float | None] = Field(description="Of each of `modules`; null where it changes nothing.")
    remarks: list[str] = Field(description="What of the version is left out.")
    problem: str = Field(description="Why it could not be measured.")


class LikenessOut(Schema):
    """The cosine between the changes of two versions."""

    first: str
    second: str
    cosine: float | None = Field(description="From −1 to 1, of all of ΔW.")
    cosines: list[float | None] = Field(description="Of each of `modules`.")


class DeltasOut(Schema):
    """How versions change the weights, ΔW = scaling · B·A, and how alike their changes are."""

    modules: list[str]
    versions: list[DeltaOut]
    pairs: list[LikenessOut]

    @classmethod
    def of(cls, found: Deltas, versions: Sequence[AdapterVersion]) -> Self:
        """The answer for what was found of these versions."""
        names = [str(version) for version in versions]
        pairs: list[Any] = [
            LikenessOut(first=names[pair.first], second=names[pair.second], cosine=pair.cosine, cosines=pair.cosines)
            for pair in found.pairs
        ]
        measured = [DeltaOut(version=name, **one.model_dump()) for name, one in zip(names, found.versions, strict=True)]
        return cls(modules=found.modules, versions=measured, pairs=pairs)
