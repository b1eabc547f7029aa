"""Imports of base models over REST: from the hub, a shared folder, or uploads."""

from ninja import Router
from ninja.responses import Status

from adapters.base_imports_access import base_imports_of, get_base_import
from adapters.base_imports_schemas import BaseAgainIn, BaseImportIn, BaseImportOut, BaseImportsOut
from adapters.services.import_base import import_base_from, import_base_uploads
from adapters.services.import_base_again import import_base_again
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.errors import UserError
from finetune_app.imports.end_import import give_up_import
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()


@router.get("", response=BaseImportsOut, summary="List imports of base models")
def list_imports(request: ApiRequest, limit: Limit = 50, offset: Offset = 0) -> BaseImportsOut:
    """Imports of the workspace, the newest first."""
    found = base_imports_of(request.auth)
    items = [BaseImportOut.of(one, request) for one in found[offset : offset + limit]]
    return BaseImportsOut(items=items, count=found.count())


@router.post(
    "",
    response={202: BaseImportOut, 403: ErrorOut, 404: ErrorOut, 410: ErrorOut, 422: ErrorOut, 423: ErrorOut},
    summary="Register a base model",
)
def begin(request: ApiRequest, body: BaseImportIn) -> Status[BaseImportOut]:
    """Queue an import; a worker fetches the files, computes the digests and registers the revision.

    The same content is the same revision, however its weights are split into files.
    """
    if body.source is None:
        found = import_base_uploads(request.auth, name=body.name, uploads=body.uploads)
    elif body.uploads:
        raise UserError("two_sources", "Give “uploads” or “source”, not both.", field="source")
    else:
        found = import_base_from(request.auth, name=body.name, source=body.source)
    return Status(202, BaseImportOut.of(found, request))


@router.get("/{int:pk}", response={200: BaseImportOut, 404: ErrorOut}, url_name="base_import", summary="One import")
def show(request: ApiRequest, pk: int) -> BaseImportOut:
    """Where it stands, and why it was refused."""
    return BaseImportOut.of(get_base_import(request.auth, pk), request)


@router.post(
    "/{int:pk}/again",
    response={202: BaseImportOut, 403: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    summary="Try an import again",
)
def again(request: ApiRequest, pk: int, body: BaseAgainIn) -> Status[BaseImportOut]:
    """Try a refused one once more, perhaps with another repository, revision or path."""
    found = get_base_import(request.auth, pk)
    return Status(202, BaseImportOut.of(import_base_again(request.auth, found, body.source), request))


@router.delete("/{int:pk}", response={204: None, 403: ErrorOut, 404: ErrorOut}, summary="Give up an import")
def give_up(request: ApiRequest, pk: int) -> Status[None]:
    """Forget it and its files; a worker that holds it stops. A revision that it became stays."""
    give_up_import(request.auth, get_base_import(request.auth, pk))
    return Status(204, None)
