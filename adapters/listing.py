"""What lists show of adapters and their versions, read in a fixed number of queries and without whole manifests."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Count, F, Manager, Max, QuerySet

from adapters.models import Adapter, AdapterVersion, Alias, BaseModel, BaseRevision, VersionTag
from adapters.scores import ScoreLine, score_lines

LINEAGE = "manifest__lineage__"


@dataclass(frozen=True)
class VersionRow:
    """A version and the parts of its lineage that a list names; the version's manifest is not loaded."""

    version: AdapterVersion
    job: int | None
    scores: dict[str, Any] | None
    aliases: list[str]
    tags: list[str]

    @property
    def score(self) -> ScoreLine | None:
        """The most telling measure, before and after."""
        return next(iter(score_lines(self.scores)), None)


@dataclass(frozen=True)
class AdapterRow:
    """An adapter, its newest version and its aliases."""

    adapter: Adapter
    newest: VersionRow | None
    aliases: list[Alias]


@dataclass(frozen=True)
class BaseRow:
    """A base model, its newest revision, and how many adapter versions were made on any of its revisions."""

    base_model: BaseModel
    newest: BaseRevision | None
    versions: int


def with_lineage(versions: QuerySet[AdapterVersion]) -> QuerySet[AdapterVersion]:
    """The versions as `version_rows` needs them: a few values of the lineage in place of the manifest."""
    return versions.defer("manifest").annotate(
        shown_job=F(f"{LINEAGE}job"),
        shown_rows=F(f"{LINEAGE}scores__rows"),
        shown_base=F(f"{LINEAGE}scores__base"),
        shown_tuned=F(f"{LINEAGE}scores__tuned"),
    )


def version_rows(versions: Iterable[AdapterVersion], *, with_marks: bool = False) -> list[VersionRow]:
    """The rows for versions that come from `with_lineage`, in their order.

    `with_marks` reads their aliases and tags, in two queries for all; else a row has none.
    """
    listed = list(versions)
    aliases, tags = (_names(Alias, listed), _names(VersionTag, listed)) if with_marks else ({}, {})
    return [_row(version, aliases.get(version.pk, []), tags.get(version.pk, [])) for version in listed]


def names_of(named: Manager[Alias] | Manager[VersionTag]) -> list[str]:
    """The names of one version's aliases or tags: `names_of(version.tags)`."""
    return list(named.order_by("name").values_list("name", flat=True))


def _names(model: type[Alias] | type[VersionTag], versions: list[AdapterVersion]) -> dict[int, list[str]]:
    """The names of these rows by version."""
    found: dict[int, list[str]] = defaultdict(list)
    rows = model._default_manager.filter(version__in=versions).order_by("name")  # noqa: SLF001 - either's manager
    for version, name in rows.values_list("version", "name"):
        found[version].append(name)
    return found


def _row(version: AdapterVersion, aliases: list[str], tags: list[str]) -> VersionRow:
    shown = cast("Any", version)
    scores = {"rows": shown.shown_rows, "base": shown.shown_base, "tuned": shown.shown_tuned}
    return VersionRow(
        version=version,
        job=shown.shown_job,
        scores=scores if scores["tuned"] else None,
        aliases=aliases,
        tags=tags,
    )


def last_made_first(adapters: QuerySet[Adapter]) -> QuerySet[Adapter]:
    """The adapters, the one with the newest version first."""
    return adapters.order_by(F("newest").desc(nulls_last=True), "name")


def adapter_rows(adapters: Iterable[Adapter]) -> list[AdapterRow]:
    """Each adapter with its newest version and its aliases, in four queries for all."""
    listed = list(adapters)
    versions = AdapterVersion.objects.filter(pk__in=[adapter.newest_id for adapter in listed if adapter.newest_id])
    versions = versions.select_related("adapter", "base_revision__base_model", "created_by")
    rows = {row.version.adapter_id: row for row in version_rows(with_lineage(versions), with_marks=True)}
    aliases: dict[int, list[Alias]] = defaultdict(list)
    for alias in Alias.objects.filter(adapter__in=listed).select_related("version").defer("version__manifest"):
        aliases[alias.adapter_id].append(alias)
    return [AdapterRow(adapter, rows.get(adapter.pk), _by_name(aliases[adapter.pk])) for adapter in listed]


def _by_name(aliases: list[Alias]) -> list[Alias]:
    return sorted(aliases, key=lambda alias: alias.name)


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
