"""Imports of adapters over REST: from the hub, a shared folder, or uploads."""

from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Router, Schema
from ninja.responses import Status

from adapters.adapter_imports_access import adapter_imports_of, get_adapter_import
from adapters.adapter_source import HubAdapter, SharedAdapter
from adapters.models import AdapterImport
from adapters.services.import_adapter import import_adapter_from, import_uploaded_adapter
from adapters.services.import_adapter_again import import_adapter_again
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.errors import UserError
from finetune_app.imports.end_import import give_up_import
from finetune_app.web.schemas import ErrorOut, Limit, Offset
from finetune_app.work.states import TaskState

router = Router()
FetchableIn = Annotated[HubAdapter | SharedAdapter, Field(discriminator="kind")]
BASE = "The base revision that it is bound to: `name@2`, or `name` for the newest."


class AdapterImportIn(Schema):
    """What to import."""

    name: str = Field(description="The adapter; a name that exists gets its next version.")
    base: str = Field(description=BASE)
    notes: str = Field("", description="What others should know about it.")
    uploads: list[UUID] = Field(
        [], description="The ids of complete uploads: one zip or tar, or the files of the adapter's folder. Or:"
    )
    source: FetchableIn | None = Field(None, description="Where a worker fetches the files from.")


class AdapterAgainIn(Schema):
    """Another try."""

    base: str | None = Field(None, description=f"{BASE} Left out: the same as before.")
    source: FetchableIn | None = Field(None, description="What to fetch instead.")


class AdapterImportOut(Schema):
    """Where an import stands. Ask `url` again until `state` is final."""

    id: int
    name: str
    base: str = Field(description="`name@2`")
    state: TaskState = Field(description="`succeeded` and `failed` are final; a failed one can be tried again.")
    phase: str = Field(description="`downloading`, then `reading`; empty while nothing is known.")
    done: int = Field(description="Bytes of `total` in this phase; both are 0 while nothing is known.")
    total: int
    error: ErrorOut | None
    version: str | None = Field(description="What it became: `name@2`.")
    source: dict[str, Any] = Field(description="Where the files come from.")
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, found: AdapterImport, request: HttpRequest) -> Self:
        """The import as JSON; its address is complete, host and all."""
        failed = found.state == TaskState.FAILED
        return cls(
            id=found.pk,
            name=found.name,
            base=str(found.base_revision),
            state=TaskState(found.state),
            phase=found.phase,
            done=found.done,
            total=found.total,
            error=ErrorOut(code=found.error_code, message=found.error, **found.result) if failed else None,
            version=str(found.version) if found.version else None,
            source={key: value for key, value in found.source.items() if key != "files"},
            url=request.build_absolute_uri(reverse("api:adapter_import", kwargs={"pk": found.pk})),
        )


class AdapterImportsOut(Schema):
    """A page of imports, the newest first."""

    items: list[AdapterImportOut]
    count: int = Field(description="Of all.")


@router.get("", response=AdapterImportsOut, summary="List imports of adapters")
def list_imports(request: ApiRequest, limit: Limit = 50, offset: Offset = 0) -> AdapterImportsOut:
    """Imports of the workspace, the newest first."""
    found = adapter_imports_of(request.auth)
    items = [AdapterImportOut.of(one, request) for one in found[offset : offset + limit]]
    return AdapterImportsOut(items=items, count=found.count())


@router.post(
    "",
    response={202: AdapterImportOut, 403: ErrorOut, 404: ErrorOut, 410: ErrorOut, 422: ErrorOut, 423: ErrorOut},
    summary="Import an adapter",
)
def begin(request: ApiRequest, body: AdapterImportIn) -> Status[AdapterImportOut]:
    """Queue an import; a worker fetches the files, and checks every tensor against the base before it is a version."""
    chosen: dict[str, str] = {"name": body.name, "base": body.base, "notes": body.notes}
    if body.source is None:
        found = import_uploaded_adapter(request.auth, **chosen, uploads=body.uploads)
    elif body.uploads:
        raise UserError("two_sources", "Give “uploads” or “source”, not both.", field="source")
    else:
        found = import_adapter_from(request.auth, **chosen, source=body.source)
    return Status(202, AdapterImportOut.of(found, request))


@router.get(
    "/{int:pk}", response={200: AdapterImportOut, 404: ErrorOut}, url_name="adapter_import", summary="One import"
)
def show(request: ApiRequest, pk: int) -> AdapterImportOut:
    """Where it stands, and why it was refused."""
    return AdapterImportOut.of(get_adapter_import(request.auth, pk), request)


@router.post(
    "/{int:pk}/again",
    response={202: AdapterImportOut, 403: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    summary="Try an import again",
)
def again(request: ApiRequest, pk: int, body: AdapterAgainIn) -> Status[AdapterImportOut]:
    """Try a refused one once more, on another base, or with another repository, revision or path."""
    found = get_adapter_import(request.auth, pk)
    base = body.base or str(found.base_revision)
    found = import_adapter_again(request.auth, found, base=base, source=body.source)
    return Status(202, AdapterImportOut.of(found, request))


@router.delete("/{int:pk}", response={204: None, 403: ErrorOut, 404: ErrorOut}, summary="Give up an import")
def give_up(request: ApiRequest, pk: int) -> Status[None]:
    """Forget it and its files; a worker that holds it stops. A version that it became stays."""
    give_up_import(request.auth, get_adapter_import(request.auth, pk))
    return Status(204, None)
