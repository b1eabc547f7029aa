"""Aliases over REST: look, make, move, take away, and undo a move."""

from typing import Annotated

from django.http import HttpResponse
from ninja import Header, Router, Status

from adapters.access import get_adapter, get_adapter_version
from adapters.alias_condition import AliasCondition, etag_of
from adapters.alias_schemas import AliasIn, AliasMoveOut, AliasMovesOut, AliasOut
from adapters.models import Alias
from adapters.services.move_alias import move_alias, newest_moves, take_alias_away, undo_move
from finetune_app.accounts.access import Access
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.errors import NotFound
from finetune_app.names import label_in
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()

ONE = "/{name}/aliases/{alias}"
IfMatch = Annotated[str | None, Header(alias="If-Match", description="The alias's ETag as it was seen, else 412.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="`*`: only when there is no such alias.")]


@router.get("/{name}/aliases", response={200: list[AliasOut], 404: ErrorOut}, summary="List aliases")
def list_aliases(request: ApiRequest, name: str) -> list[AliasOut]:
    """The adapter's aliases, by name."""
    aliases = get_adapter(request.auth, name).aliases.select_related("adapter", "version__adapter").order_by("name")
    return [AliasOut.of(alias) for alias in aliases]


@router.get(ONE, response={200: AliasOut, 404: ErrorOut}, summary="One alias")
def show_alias(request: ApiRequest, response: HttpResponse, name: str, alias: str) -> AliasOut:
    """What it means now; the ETag is for `If-Match`."""
    found = _alias(request.auth, name, alias)
    response["ETag"] = etag_of(found.moves)
    return AliasOut.of(found)


@router.put(
    ONE,
    response={200: AliasOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 412: ErrorOut, 422: ErrorOut},
    summary="Make or move an alias",
)
def put_alias(
    request: ApiRequest,
    response: HttpResponse,
    name: str,
    alias: str,
    payload: AliasIn,
    *,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> AliasOut:
    """Let it mean this version. With `If-Match` only when it is as it was seen; without, whatever it means now."""
    condition = AliasCondition.from_headers(if_match, if_none_match)
    version = get_adapter_version(request.auth, get_adapter(request.auth, name).name, label_in(str(payload.version)))
    moved = move_alias(request.auth, version, alias, reason=payload.reason, condition=condition)
    response["ETag"] = etag_of(moved.moves)
    return AliasOut.of(moved)


@router.delete(
    ONE, response={204: None, 403: ErrorOut, 404: ErrorOut, 412: ErrorOut, 422: ErrorOut}, summary="Take an alias away"
)
def delete_alias(
    request: ApiRequest, name: str, alias: str, reason: str = "", if_match: IfMatch = None
) -> Status[None]:
    """The version stays, and so do the alias's moves."""
    condition = AliasCondition.from_headers(if_match, None)
    take_alias_away(request.auth, get_adapter(request.auth, name), alias, reason=reason, condition=condition)
    return Status(204, None)


@router.get("/{name}/alias-moves", response={200: AliasMovesOut, 404: ErrorOut}, summary="List the moves of aliases")
def list_moves(request: ApiRequest, name: str, alias: str = "", limit: Limit = 50, offset: Offset = 0) -> AliasMovesOut:
    """Who moved which alias from where to where, when and why; `alias` narrows them to one."""
    moves = newest_moves(get_adapter(request.auth, name)).select_related("moved_by")
    if alias:
        moves = moves.filter(name=alias)
    return AliasMovesOut(items=[AliasMoveOut.of(move) for move in moves[offset : offset + limit]], count=moves.count())


@router.post(
    "/{name}/alias-moves/{int:move}/undo",
    response={200: AliasMoveOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut},
    summary="Undo a move",
)
def undo(request: ApiRequest, name: str, move: int) -> AliasMoveOut:
    """Take the alias back to where it was before its newest move; refused when it was moved again since."""
    return AliasMoveOut.of(undo_move(request.auth, get_adapter(request.auth, name), move))


def _alias(access: Access, name: str, alias: str) -> Alias:
    aliases = get_adapter(access, name).aliases.select_related("adapter", "version__adapter")
    found = aliases.filter(name=alias).first()
    if found is None:
        raise NotFound("alias", f"{name}@{alias}")
    return found
