"""The one place where a version's status and flag change: compare-and-set along `states.VERSION_MOVES`.

Each function is one statement, however many versions it is about, and says how many it changed: 0 means that somebody
else was faster, or that the move is not allowed. Rows that were read before show it after `refresh_from_db`.
"""

from collections.abc import Collection

from django.db.models import QuerySet

from adapters.models import AdapterVersion
from adapters.states import VERSION_MOVES, VersionStatus

SENTENCE_LENGTH = 300


def move_version(
    version_id: int, to: VersionStatus, *, reason: str = "", only_from: Collection[VersionStatus] = ()
) -> bool:
    """Move one version to `to`, if its status allows that; says whether it did.

    Args:
        version_id: the version's primary key.
        to: the new status.
        reason: one sentence for people that takes the place of the old one.
        only_from: narrows the statuses that it may come from; all that `VERSION_MOVES` allows when empty.
    """
    one = AdapterVersion.objects.filter(pk=version_id)
    return move_versions(one, to, reason=reason, only_from=only_from) == 1


def move_versions(
    versions: QuerySet[AdapterVersion],
    to: VersionStatus,
    *,
    reason: str = "",
    only_from: Collection[VersionStatus] = (),
) -> int:
    """Move all those of `versions` to `to` whose status allows that; how many did."""
    sources = [
        status for status, moves in VERSION_MOVES.items() if to in moves and (not only_from or status in only_from)
    ]
    return _plain(versions).filter(status__in=sources).update(status=to, status_reason=reason[:SENTENCE_LENGTH])


def flag_versions(versions: QuerySet[AdapterVersion], sentence: str) -> int:
    """Ask people to look at these versions again, and say why; how many did not say so already."""
    return _plain(versions).exclude(flag=sentence[:SENTENCE_LENGTH]).update(flag=sentence[:SENTENCE_LENGTH])


def clear_flag(version_id: int, sentence: str) -> bool:
    """Somebody looked at the version because of `sentence`; False when it says something else by now."""
    return AdapterVersion.objects.filter(pk=version_id, flag=sentence).exclude(flag="").update(flag="") == 1


def _plain(versions: QuerySet[AdapterVersion]) -> QuerySet[AdapterVersion]:
    """Without order and joined rows, which an update has no use for."""
    return versions.order_by().select_related(None)
