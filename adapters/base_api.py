"""Base models over REST: list, look, compare revisions, allow the code of one."""

from ninja import Field, Router, Schema

from adapters.access import base_models_of, base_revisions_of, get_base_model, get_base_revision
from adapters.base_diff_schemas import BaseDiffOut
from adapters.base_schemas import BaseModelDetailOut, BaseModelOut, BaseModelsOut, BaseRevisionOut
from adapters.listing import base_rows
from adapters.services.compare_bases import compare_bases
from adapters.services.trust_base_code import trust_base_code
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()

REVISION = "/{name}/revisions/{int:number}"


class CodeIn(Schema):
    """What an admin decides about one exact revision."""

    trust_remote_code: bool = Field(description="Whether the revision's own Python may run on workers.")


@router.get("", response=BaseModelsOut, summary="List base models")
def list_base_models(request: ApiRequest, limit: Limit = 50, offset: Offset = 0) -> BaseModelsOut:
    """Base models of the workspace by their newest revision, by name."""
    found = base_models_of(request.auth)
    rows = base_rows(found[offset : offset + limit])
    return BaseModelsOut(items=[BaseModelOut.of(row) for row in rows], count=found.count())


@router.get("/{name}", response={200: BaseModelDetailOut, 404: ErrorOut}, summary="One base model")
def show_base_model(request: ApiRequest, name: str) -> BaseModelDetailOut:
    """A base model and its revisions."""
    base = get_base_model(request.auth, name)
    return BaseModelDetailOut.of(base, list(base_revisions_of(request.auth).filter(base_model=base)))


@router.get(REVISION, response={200: BaseRevisionOut, 404: ErrorOut}, summary="One base revision")
def show_base_revision(request: ApiRequest, name: str, number: int) -> BaseRevisionOut:
    """One exact content of a base model."""
    return BaseRevisionOut.of(get_base_revision(request.auth, name, number))


@router.patch(
    REVISION,
    response={200: BaseRevisionOut, 403: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    summary="Allow a base's own code",
)
def decide_on_code(request: ApiRequest, name: str, number: int, body: CodeIn) -> BaseRevisionOut:
    """Allow or forbid the Python that comes with this revision; only an admin may.

    Read it first: it runs on workers, with all that they can reach.
    """
    revision = get_base_revision(request.auth, name, number)
    return BaseRevisionOut.of(trust_base_code(request.auth, revision, allowed=body.trust_remote_code))


@router.get("/{name}/compare", response={200: BaseDiffOut, 404: ErrorOut}, summary="Compare two base revisions")
def compare(request: ApiRequest, name: str, old: int, new: int) -> BaseDiffOut:
    """Which tensors, config keys and tokens revision `new` has otherwise than `old`, and the chat template's lines."""
    before, after = (get_base_revision(request.auth, name, number) for number in (old, new))
    return BaseDiffOut.of(str(before), str(after), compare_bases(before, after))
