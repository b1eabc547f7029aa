"""Who depends on adapter versions and base revisions. The registry does not know jobs; those tell here what they hold.

A finder is registered once, when Django starts (`AppConfig.ready`). It gets a query, not rows: a query of one version
before that is deleted, and of all versions of a workspace when its retention rule is looked at.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from adapters.models import AdapterImport, AdapterVersion, Alias, BaseRevision
from finetune_app.work.states import TaskState


@dataclass(frozen=True)
class Dependant:
    """Something that depends on the version or revision with the primary key `of`, in words, e.g. `job 3`.

    Attributes:
        of: what it depends on.
        words: what it is, for people.
        version: its own primary key when it is a version itself.
    """

    of: int
    words: str
    version: int | None = None


VersionFinder = Callable[[QuerySet[AdapterVersion]], Iterable[Dependant]]
RevisionFinder = Callable[[QuerySet[BaseRevision]], Iterable[Dependant]]
_of_versions: list[VersionFinder] = []
_slow: set[VersionFinder] = set()
_of_revisions: list[RevisionFinder] = []


def register_for_versions(finder: VersionFinder, *, is_slow: bool = False) -> None:
    """Let `finder` be asked before versions go.

    Args:
        finder: tells what depends on them.
        is_slow: it reads much however few they are, so it is not asked for each of many versions in turn.
    """
    if finder not in _of_versions:
        _of_versions.append(finder)
        if is_slow:
            _slow.add(finder)


def register_for_revisions(finder: RevisionFinder) -> None:
    """Let `finder` be asked before base revisions go."""
    if finder not in _of_revisions:
        _of_revisions.append(finder)


def dependants_by_version(versions: QuerySet[AdapterVersion]) -> dict[int, list[str]]:
    """For each of the versions that something depends on: what, in words."""
    found: dict[int, list[str]] = defaultdict(list)
    for finder in _of_versions:
        for dependant in finder(versions.order_by()):
            found[dependant.of].append(dependant.words)
    return found


def dependants_of_versions(versions: QuerySet[AdapterVersion], *, quickly: bool = False) -> list[str]:
    """Everything that depends on one of these versions, in words, but for themselves: they go together.

    Args:
        versions: those that are to go.
        quickly: leaves out what is slow to find, for who has just asked for it.
    """
    going = set(versions.values_list("pk", flat=True))
    finders = [finder for finder in _of_versions if not (quickly and finder in _slow)]
    found = [dependant for finder in finders for dependant in finder(versions.order_by())]
    return list(dict.fromkeys(dependant.words for dependant in found if dependant.version not in going))


def dependants_of_revisions(revisions: QuerySet[BaseRevision]) -> list[str]:
    """Everything that depends on one of these base revisions, in words."""
    found = [dependant for finder in _of_revisions for dependant in finder(revisions.order_by())]
    return list(dict.fromkeys(dependant.words for dependant in found))


def aliases_of(versions: QuerySet[AdapterVersion]) -> Iterator[Dependant]:
    """The aliases that mean one of them."""
    found = Alias.objects.filter(version__in=versions.values("pk")).select_related("adapter").order_by("id")
    for alias in found.iterator():
        yield Dependant(alias.version_id, f"the alias {alias}")


def retrained_from(versions: QuerySet[AdapterVersion]) -> Iterator[Dependant]:
    """The versions that repeat the recipe of one of them on another base."""
    found = (
        AdapterVersion.objects.filter(retrains__in=versions.values("pk"))
        .order_by("id")
        .values_list("pk", "adapter__name", "number", "retrains")
    )
    for key, name, number, retrains in found.iterator():
        if retrains is not None:
            yield Dependant(retrains, f"adapter {name}@{number}, which was retrained from it", key)


def continued_from(versions: QuerySet[AdapterVersion]) -> Iterator[Dependant]:
    """The versions whose frozen lineage says that they started with one of them."""
    places = versions.values_list("adapter__workspace", "adapter__name", "number", "pk")
    keys = {(workspace, name, number): key for workspace, name, number, key in places}
    if not keys:
        return
    younger = AdapterVersion.objects.filter(
        adapter__workspace__in={workspace for workspace, _, _ in keys},
        pk__gt=min(keys.values()),
        manifest__lineage__continues__adapter__isnull=False,
    )
    columns = ("pk", "adapter__workspace", "adapter__name", "number", "manifest__lineage__continues")
    for key, workspace, name, number, ancestor in younger.order_by("id").values_list(*columns).iterator():
        of = keys.get((workspace, ancestor["adapter"], ancestor["version"]))
        if of is not None:
            yield Dependant(of, f"adapter {name}@{number}, which continues from it", key)


def combined_from(versions: QuerySet[AdapterVersion]) -> Iterator[Dependant]:
    """The versions that one of them is a part of."""
    pairs = AdapterVersion.combines.through.objects.filter(to_adapterversion__in=versions.values("pk")).order_by("id")
    columns = ("to_adapterversion", "from_adapterversion", "from_adapterversion__adapter__name")
    for of, key, name, number in pairs.values_list(*columns, "from_adapterversion__number").iterator():
        yield Dependant(of, f"adapter {name}@{number}, which was combined of it", key)


def versions_on(revisions: QuerySet[BaseRevision]) -> Iterator[Dependant]:
    """The adapter versions that are bound to one of the base revisions."""
    found = AdapterVersion.objects.filter(base_revision__in=revisions.values("pk")).order_by("id")
    for of, name, number in found.values_list("base_revision", "adapter__name", "number").iterator():
        yield Dependant(of, f"adapter {name}@{number}")


def imports_onto(revisions: QuerySet[BaseRevision]) -> Iterator[Dependant]:
    """Adapters that are on their way in, or were refused and can be tried again, for one of the base revisions."""
    found = AdapterImport.objects.filter(base_revision__in=revisions.values("pk")).exclude(state=TaskState.SUCCEEDED)
    for task in found.order_by("id").iterator():
        yield Dependant(task.base_revision_id, f"the import of adapter {task.name}")
