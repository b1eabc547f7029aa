"""What the pages show of aliases: what each means since when, and the moves, with those that can be undone."""

from dataclasses import dataclass

from django.db.models import Max

from adapters.alias_schemas import warning_of
from adapters.models import Adapter, Alias, AliasMove
from adapters.services.move_alias import newest_moves

SHOWN_MOVES = 8
USUAL = ("production", "challenger")


@dataclass(frozen=True)
class ShownMove:
    """One move; the newest of each alias can be undone, and `back` says what that does."""

    move: AliasMove
    can_undo: bool

    @property
    def back(self) -> str:
        """Where the alias was before it."""
        number = self.move.from_number
        return "take it away" if number is None else f"back to v{number}"


@dataclass(frozen=True)
class ShownAlias:
    """An alias with its newest move, and what is doubtful about the version that it means."""

    alias: Alias
    last: ShownMove | None
    warning: str | None


@dataclass(frozen=True)
class AliasCard:
    """All aliases of an adapter; `unused` are usual names that it does not have."""

    aliases: list[ShownAlias]
    moves: list[ShownMove]
    has_more: bool
    unused: list[str]


def alias_card(adapter: Adapter) -> AliasCard:
    """The aliases of the adapter and their newest moves, in three queries."""
    last = {move.name: move for move in last_moves(adapter).values()}
    aliases = adapter.aliases.select_related("version__adapter").defer("version__manifest").order_by("name")
    shown = [
        ShownAlias(alias, ShownMove(last[alias.name], can_undo=True) if alias.name in last else None, warning_of(alias))
        for alias in aliases
    ]
    moves = shown_moves(list(newest_moves(adapter).select_related("moved_by")[: SHOWN_MOVES + 1]), set(last.values()))
    names = {item.alias.name for item in shown}
    return AliasCard(
        aliases=shown,
        moves=moves[:SHOWN_MOVES],
        has_more=len(moves) > SHOWN_MOVES,
        unused=[name for name in USUAL if name not in names],
    )


def last_moves(adapter: Adapter) -> dict[int, AliasMove]:
    """The newest move of each alias that the adapter has or had, by its primary key."""
    newest = adapter.alias_moves.order_by().values("name").annotate(last=Max("pk")).values("last")
    return {move.pk: move for move in AliasMove.objects.filter(pk__in=newest).select_related("moved_by")}


def shown_moves(moves: list[AliasMove], last: set[AliasMove]) -> list[ShownMove]:
    """The moves; only those in `last` can be undone."""
    return [ShownMove(move, can_undo=move in last) for move in moves]
