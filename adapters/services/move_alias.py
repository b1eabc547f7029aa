"""The one place where an alias is made, moved and taken away: atomic, compare-and-set, and each move is kept.

All of it happens under a lock of the adapter's row, which retiring a version takes too.
"""

from django.db import transaction
from django.db.models import QuerySet

from adapters.alias_condition import AliasCondition
from adapters.models import Adapter, AdapterVersion, Alias, AliasMove
from adapters.states import VersionStatus
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import NotFound, UserError
from finetune_app.names import check_alias

REASON_LENGTH = 500
ANYHOW = AliasCondition()


def move_alias(
    access: Access,
    version: AdapterVersion,
    name: str,
    *,
    reason: str = "",
    condition: AliasCondition = ANYHOW,
) -> Alias:
    """The alias `name` of the version's adapter, which now means this version; made when there was none.

    Moving it to where it is already is no move.

    Raises:
        UserError: `not_allowed`, `invalid_alias`, `reason_too_long`; `alias_moved` (412): `condition` does not hold;
            `adapter_version_retired` (409).
        NotFound: the version was deleted.
    """
    access.require(Role.EDITOR)
    name, reason = check_alias(name), _checked(reason)
    with transaction.atomic():
        adapter = lock_adapter(version.adapter)
        alias = _condition_holds(adapter, name, condition)
        return _put(access, adapter, alias, name, version.number, reason=reason)


def take_alias_away(
    access: Access, adapter: Adapter, name: str, *, reason: str = "", condition: AliasCondition = ANYHOW
) -> None:
    """The adapter has no alias `name` any more; its moves stay.

    Raises:
        UserError: `not_allowed`, `reason_too_long`; `alias_moved` (412): `condition` does not hold.
        NotFound: there is no such alias.
    """
    access.require(Role.EDITOR)
    reason = _checked(reason)
    with transaction.atomic():
        adapter = lock_adapter(adapter)
        alias = _condition_holds(adapter, name, condition)
        if alias is None:
            raise NotFound("alias", f"{adapter.name}@{name}")
        _take(access, alias, reason=reason)


def undo_move(access: Access, adapter: Adapter, move_id: int) -> AliasMove:
    """A new move that takes the alias back to where it was before the move `move_id`, its newest.

    Raises:
        UserError: `not_allowed`; `alias_moved_on` (409): the alias was moved since; `adapter_version_retired` (409).
        NotFound: there is no such move, or the version before it was deleted.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        adapter = lock_adapter(adapter)
        move = adapter.alias_moves.filter(pk=move_id).first()
        if move is None:
            raise NotFound("move of an alias", str(move_id))
        if newest_moves(adapter).filter(name=move.name).values_list("pk", flat=True).first() != move.pk:
            raise UserError(
                "alias_moved_on",
                f"“{move.name}” was moved again since, so this move cannot be undone. Move it where it should be.",
                status=409,
            )
        alias = adapter.aliases.filter(name=move.name).first()
        if move.from_number is not None:
            _put(access, adapter, alias, move.name, move.from_number, undoes=move)
        elif alias is not None:
            _take(access, alias, undoes=move)
        return newest_moves(adapter)[0]


def newest_moves(adapter: Adapter) -> QuerySet[AliasMove]:
    """All moves of the adapter's aliases, the newest first."""
    return adapter.alias_moves.order_by("-id")


def lock_adapter(adapter: Adapter) -> Adapter:
    """Within a transaction: nobody else moves the adapter's aliases or retires its versions until it is over.

    Raises:
        NotFound: it was deleted.
    """
    found = Adapter.objects.select_for_update().filter(pk=adapter.pk).first()
    if found is None:
        raise NotFound("adapter", adapter.name)
    return found


def _condition_holds(adapter: Adapter, name: str, condition: AliasCondition) -> Alias | None:
    alias = adapter.aliases.select_related("version").filter(name=name).first()
    if alias is not None and condition.exists is False:
        raise UserError(
            "alias_exists",
            f"“{name}” exists and means v{alias.version.number}. Move it, or choose another name.",
            field="alias",
            status=412,
        )
    if not condition.holds(alias.moves if alias else None):
        now = f"means v{alias.version.number} by now" if alias else "is not there (any more)"
        raise UserError(
            "alias_moved",
            f"“{name}” {now}: somebody changed it since you looked. Look again, then decide.",
            field="alias",
            status=412,
        )
    return alias


def _put(
    access: Access,
    adapter: Adapter,
    alias: Alias | None,
    name: str,
    number: int,
    *,
    reason: str = "",
    undoes: AliasMove | None = None,
) -> Alias:
    version = adapter.versions.filter(number=number).first()
    if version is None:
        raise NotFound("adapter version", f"{adapter.name}@{number}", field="version")
    if alias is not None and alias.version_id == version.pk:
        return alias
    if version.status == VersionStatus.RETIRED:
        raise UserError(
            "adapter_version_retired",
            f"{adapter.name} v{number} is retired, so no alias can mean it. Restore it first, or choose another.",
            field="version",
            status=409,
        )
    before = alias.version.number if alias else None
    _keep(access, adapter, name, before, number, reason=reason, undoes=undoes)
    moves = adapter.alias_moves.filter(name=name).count()
    if alias is None:
        return Alias.objects.create(adapter=adapter, name=name, version=version, moves=moves)
    alias.version, alias.moves = version, moves
    alias.save()
    return alias


def _take(access: Access, alias: Alias, *, reason: str = "", undoes: AliasMove | None = None) -> None:
    _keep(access, alias.adapter, alias.name, alias.version.number, None, reason=reason, undoes=undoes)
    alias.delete()


def _keep(
    access: Access,
    adapter: Adapter,
    name: str,
    before: int | None,
    after: int | None,
    *,
    reason: str,
    undoes: AliasMove | None,
) -> None:
    AliasMove.objects.create(
        adapter=adapter,
        name=name,
        from_number=before,
        to_number=after,
        reason=reason,
        undoes=undoes,
        moved_by=access.user,
    )


def _checked(reason: str) -> str:
    if len(reason) > REASON_LENGTH:
        raise UserError("reason_too_long", f"A reason has at most {REASON_LENGTH} characters.", field="reason")
    return reason.strip()
