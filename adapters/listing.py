"""What lists show of adapters and their versions, read in a fixed number of queries and without whole manifests."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Count, F, Max, QuerySet

from adapters.models import Adapter, AdapterVersion, BaseModel, BaseRevision
from adapters.scores import ScoreLine, score_lines

LINEAGE = "manifest__lineage__"


@dataclass(frozen=True)
class VersionRow:
    """A version and the parts of its lineage that a list names; the version's manifest is not loaded."""

    version: AdapterVersion
    dataset: str
    dataset_version: int
    job: int | None
    scores: dict[str, Any] | None

    @property
    def score(self) -> ScoreLine | None:
        """The most telling measure, before and after."""
        return next(iter(score_lines(self.scores)), None)


@dataclass(frozen=True)
class AdapterRow:
    """An adapter and its newest version."""

    adapter: Adapter
    newest: VersionRow | None


@dataclass(frozen=True)
class BaseRow:
    """A base model, its newest revision, and how many adapter versions were made on any of its revisions."""

    base_model: BaseModel
    newest: BaseRevision | None
    versions: int


def with_lineage(versions: QuerySet[AdapterVersion]) -> QuerySet[AdapterVersion]:
    """The versions as `version_rows` needs them: a few values of the lineage in place of the manifest."""
    return versions.defer("manifest").annotate(
        shown_dataset=F(f"{LINEAGE}dataset"),
        shown_dataset_version=F(f"{LINEAGE}dataset_version"),
        shown_job=F(f"{LINEAGE}job"),
        shown_rows=F(f"{LINEAGE}scores__rows"),
        shown_base=F(f"{LINEAGE}scores__base"),
        shown_tuned=F(f"{LINEAGE}scores__tuned"),
    )


def version_rows(versions: Iterable[AdapterVersion]) -> list[VersionRow]:
    """The rows for versions that come from `with_lineage`, in their order."""
    return [_row(version) for version in versions]


def _row(version: AdapterVersion) -> VersionRow:
    shown = cast("Any", version)
    scores = {"rows": shown.shown_rows, "base": shown.shown_base, "tuned": shown.shown_tuned}
    return VersionRow(
        version=version,
        dataset=shown.shown_dataset,
        dataset_version=shown.shown_dataset_version,
        job=shown.shown_job,
        scores=scores if scores["tuned"] else None,
    )


def last_made_first(adapters: QuerySet[Adapter]) -> QuerySet[Adapter]:
    """The adapters, the one with the newest version first."""
    return adapters.annotate(newest=Max("versions__id")).order_by(F("newest").desc(nulls_last=True), "name")


def adapter_rows(adapters: Iterable[Adapter]) -> list[AdapterRow]:
    """Each adapter with its newest version, in one query for all."""
    listed = list(adapters)
    # Numbers are given out one after another, so in an adapter the highest id is the highest number.
    newest = AdapterVersion.objects.filter(adapter__in=listed).values("adapter").annotate(last=Max("id")).values("last")
    versions = AdapterVersion.objects.filter(pk__in=newest).select_related("adapter", "base_revision__base_model")
    rows = {row.version.adapter_id: row for row in version_rows(with_lineage(versions))}
    return [AdapterRow(adapter, rows.get(adapter.pk)) for adapter in listed]


def base_rows(base_models: Iterable[BaseModel]) -> list[BaseRow]:
    """Each base model with its newest revision, in two queries for all."""
    listed = list(base_models)
    newest = BaseRevision.objects.filter(base_model__in=listed).values("base_model").annotate(last=Max("id"))
    revisions = {
        revision.base_model_id: revision
        for revision in BaseRevision.objects.filter(pk__in=newest.values("last")).select_related("base_model")
    }
    made = AdapterVersion.objects.filter(base_revision__base_model__in=listed)
    counts = dict(made.values_list("base_revision__base_model").annotate(Count("id")).order_by())
    return [BaseRow(base, revisions.get(base.pk), counts.get(base.pk, 0)) for base in listed]
