"""What the REST API says about aliases and their moves."""

from datetime import datetime
from typing import Self

from django.urls import reverse
from ninja import Field, Schema

from adapters.alias_condition import etag_of
from adapters.models import Alias, AliasMove
from adapters.services.move_alias import REASON_LENGTH
from adapters.states import VersionStatus


class AliasIn(Schema):
    """Where an alias shall point."""

    version: int | str = Field(description="A number, or another alias of the adapter: what that means now.")
    reason: str = Field("", max_length=REASON_LENGTH, description="Why; kept with the move.")


class AliasOut(Schema):
    """A movable name for a version."""

    reference: str = Field(description="`adapter@alias`, as jobs and downloads take it.")
    alias: str
    adapter: str
    version: int = Field(description="What it means now.")
    etag: str = Field(description="For `If-Match`; changes with every move and never comes back.")
    moved_at: datetime
    warning: str | None = Field(None, description="What is doubtful about the version, in one sentence.")
    url: str = Field(description="Of the version that it means, on this server.")

    @classmethod
    def of(cls, alias: Alias) -> Self:
        """The answer for `alias`."""
        adapter, version = alias.adapter, alias.version
        return cls(
            reference=str(alias),
            alias=alias.name,
            adapter=adapter.name,
            version=version.number,
            etag=etag_of(alias.moves),
            moved_at=alias.moved_at,
            warning=warning_of(alias),
            url=reverse("api:adapter_version", kwargs={"name": adapter.name, "number": alias.name}),
        )


class AliasMoveOut(Schema):
    """One move of an alias, kept for good."""

    id: int
    alias: str
    from_version: int | None = Field(description="null: it was made.")
    to_version: int | None = Field(description="null: it was taken away.")
    reason: str
    undoes: int | None = Field(description="The move that it took back.")
    moved_by: str | None
    moved_at: datetime

    @classmethod
    def of(cls, move: AliasMove) -> Self:
        """The answer for `move`."""
        return cls(
            id=move.pk,
            alias=move.name,
            from_version=move.from_number,
            to_version=move.to_number,
            reason=move.reason,
            undoes=move.undoes_id,
            moved_by=move.moved_by.username if move.moved_by else None,
            moved_at=move.moved_at,
        )


class AliasMovesOut(Schema):
    """A page of moves, the newest first."""

    items: list[AliasMoveOut]
    count: int = Field(description="Of all.")


def warning_of(alias: Alias) -> str | None:
    """Why somebody should think twice about what the alias means now; None: nothing speaks against it."""
    version = alias.version
    if version.status in {VersionStatus.STALE, VersionStatus.SUPERSEDED}:
        why = version.status_reason or "Its base model moved on."
        return f"{version.adapter.name} v{version.number} is {version.status}. {why}"
    return version.flag or None
