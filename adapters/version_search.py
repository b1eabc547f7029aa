"""Finds versions by `VersionFilters`, as fast among a hundred thousand as among ten.

First the ids, from the one index that has all columns that are filtered by, and only then the rows of the page. Nothing
is counted: one more than the page holds is asked for, which says whether there is a next page.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db.models import Q, QuerySet

from adapters.access import adapter_versions_of
from adapters.listing import VersionRow, version_rows, with_lineage
from adapters.models import AdapterVersion, Alias, BaseRevision, VersionTag
from adapters.states import VersionStatus
from adapters.version_filters import ANY_STATUS, BY_SCORE, IN_USE, LOWER_IS_BETTER, Order, VersionFilters
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import User
from finetune_app.names import split_reference

MAX_OFFSET = 10_000  # whoever looks further narrows
MAX_WORDS = 8


@dataclass(frozen=True)
class FoundVersions:
    """One page; `offset` is where it begins, `next_offset` where the next one does, None on the last."""

    rows: list[VersionRow]
    offset: int
    next_offset: int | None


def find_versions(access: Access, filters: VersionFilters, *, offset: int = 0, limit: int = 50) -> FoundVersions:
    """The versions of the workspace that the filters leave, from the `offset`-th on."""
    ids = list(matching(access, filters).values_list("pk", flat=True)[offset : offset + limit + 1])
    more, ids = len(ids) > limit, ids[:limit]
    versions = {one.pk: one for one in with_lineage(adapter_versions_of(access).filter(pk__in=ids))}
    following = offset + limit
    return FoundVersions(
        rows=version_rows((versions[pk] for pk in ids if pk in versions), with_marks=True),
        offset=offset,
        next_offset=following if more and following <= MAX_OFFSET else None,
    )


def matching(access: Access, filters: VersionFilters) -> QuerySet[AdapterVersion]:
    """The versions, in their order, without joins."""
    found = AdapterVersion.objects.filter(_columns(access, filters), workspace=access.workspace)
    for word in filters.q.lower().split()[:MAX_WORDS]:
        tagged = VersionTag.objects.filter(name__contains=word).values("version")
        found = found.filter(Q(searched__contains=word) | Q(pk__in=tagged))
    if filters.alias:
        aliases = Alias.objects.filter(adapter__workspace=access.workspace, name=filters.alias)
        found = found.filter(pk__in=aliases.values("version"))
    if filters.tag:
        found = found.filter(pk__in=VersionTag.objects.filter(name=filters.tag.lower()).values("version"))
    return found.order_by(*_order(filters))


def _columns(access: Access, filters: VersionFilters) -> Q:
    wanted = Q()
    if filters.status == IN_USE:
        wanted &= ~Q(status=VersionStatus.RETIRED)
    elif filters.status != ANY_STATUS:
        wanted &= Q(status=filters.status)
    if filters.adapter:
        wanted &= Q(adapter__in=access.workspace.adapters.filter(name=filters.adapter).values("pk"))
    if filters.base:
        name, number = split_reference(filters.base, field="base")
        bases = BaseRevision.objects.filter(base_model__workspace=access.workspace, base_model__name=name)
        wanted &= Q(base_revision__in=(bases if number is None else bases.filter(number=number)).values("pk"))
    if filters.dataset:
        name, number = split_reference(filters.dataset, field="dataset")
        wanted &= Q(dataset=name) if number is None else Q(dataset=name, dataset_version=number)
    if filters.owner:
        wanted &= Q(created_by__in=User.objects.filter(username=filters.owner).values("pk"))
    if filters.method:
        wanted &= Q(method=filters.method.lower())
    if filters.origin:
        wanted &= Q(origin=filters.origin)
    return wanted & _score(filters) & _time(filters)


def _score(filters: VersionFilters) -> Q:
    if filters.metric is None:
        return Q()
    wanted = Q(score_name=filters.metric, score__isnull=False)
    if filters.min_score is not None:
        wanted &= Q(score__gte=filters.min_score)
    if filters.max_score is not None:
        wanted &= Q(score__lte=filters.max_score)
    return wanted


def _time(filters: VersionFilters) -> Q:
    wanted = Q()
    if filters.made_from:
        wanted &= Q(created_at__gte=datetime.combine(filters.made_from, time.min, UTC))
    if filters.made_to:
        wanted &= Q(created_at__lt=datetime.combine(filters.made_to, time.min, UTC) + timedelta(days=1))
    return wanted


def _order(filters: VersionFilters) -> list[str]:
    if filters.order in BY_SCORE:
        ascends = (filters.order == Order.BEST) == (filters.metric in LOWER_IS_BETTER)
        return ["score" if ascends else "-score", "-pk"]
    return ["pk" if filters.order == Order.OLDEST else "-pk"]
