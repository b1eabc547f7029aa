"""Imports over REST: files that were sent in pieces, or lie elsewhere, become a dataset version."""

from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Router, Schema
from ninja.responses import Status

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.datasets.import_source import HubDataset, SharedFiles
from finetune_app.datasets.imports_access import get_import
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.row_types import RowForm
from finetune_app.datasets.services.import_again import import_again
from finetune_app.datasets.services.import_from import import_from
from finetune_app.datasets.services.import_uploads import import_uploads
from finetune_app.errors import UserError
from finetune_app.imports.end_import import give_up_import
from finetune_app.web.schemas import ErrorOut
from finetune_app.work.states import TaskState

router = Router()


FetchableIn = Annotated[HubDataset | SharedFiles, Field(discriminator="kind")]


class ReadingIn(Schema):
    """How the rows are read; the same options as those of a plain upload."""

    form: RowForm | None = Field(None, description="What the rows look like; recognised by their keys when not given.")
    columns: Annotated[dict[str, str], Field(description='A name for each key: `{"prompt": "question"}`.')] = {}
    leave_out_bad_rows: bool = Field(False, description="Keep the good rows of files that have bad ones.")

    def options(self) -> dict[str, Any]:
        """As the import keeps them."""
        return self.model_dump(mode="json", include={"form", "columns", "leave_out_bad_rows"})


class ImportIn(ReadingIn):
    """What to import."""

    name: str = Field(description="The dataset; a name that exists gets its next version.")
    uploads: list[UUID] = Field(
        [], description="The ids of complete uploads (the end of their address), in this order; or:"
    )
    source: FetchableIn | None = Field(None, description="Where a worker fetches the files from.")


class AgainIn(ReadingIn):
    """Another try."""

    source: FetchableIn | None = Field(None, description="What to fetch instead, when nothing could be fetched.")


class ImportOut(Schema):
    """Where an import stands. Ask `url` again until `state` is final."""

    id: int
    name: str
    state: TaskState = Field(description="`succeeded` and `failed` are final; a failed one can be tried again.")
    phase: str = Field(description="`downloading`, then `reading`; empty while nothing is known.")
    done: int = Field(description="Bytes of `total` in this phase; both are 0 while nothing is known.")
    total: int
    error: ErrorOut | None
    version: str | None = Field(description="What it became: `name@2`.")
    source: dict[str, Any] = Field(description="Where the files come from, and what pins them once they are fetched.")
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, found: DatasetImport, request: HttpRequest) -> Self:
        """The import as JSON; its address is complete, host and all."""
        failed = found.state == TaskState.FAILED
        return cls(
            id=found.pk,
            name=found.name,
            state=TaskState(found.state),
            phase=found.phase,
            done=found.done,
            total=found.total,
            error=ErrorOut(code=found.error_code, message=found.error, **found.result) if failed else None,
            version=str(found.version) if found.version else None,
            source={key: value for key, value in found.source.items() if key != "files"},
            url=request.build_absolute_uri(reverse("api:dataset_import", kwargs={"pk": found.pk})),
        )


@router.post(
    "",
    response={202: ImportOut, 403: ErrorOut, 404: ErrorOut, 410: ErrorOut, 422: ErrorOut, 423: ErrorOut},
    summary="Import files",
)
def begin(request: ApiRequest, body: ImportIn) -> Status[ImportOut]:
    """Queue an import; a worker fetches, reads and checks the files.

    They were sent to `/uploads` with the tus protocol, or lie on the Hugging Face hub or in a shared folder.
    """
    if body.source is None:
        found = import_uploads(request.auth, name=body.name, uploads=body.uploads, options=body.options())
    elif body.uploads:
        raise UserError("two_sources", "Give “uploads” or “source”, not both.", field="source")
    else:
        found = import_from(request.auth, name=body.name, source=body.source, options=body.options())
    return Status(202, ImportOut.of(found, request))


@router.get("/{int:pk}", response={200: ImportOut, 404: ErrorOut}, url_name="dataset_import", summary="One import")
def show(request: ApiRequest, pk: int) -> ImportOut:
    """Where it stands; why it was refused, with the bad rows."""
    return ImportOut.of(get_import(request.auth, pk), request)


@router.post(
    "/{int:pk}/again",
    response={202: ImportOut, 403: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    summary="Try an import again",
)
def again(request: ApiRequest, pk: int, body: AgainIn) -> Status[ImportOut]:
    """Read the same files in another way; nothing has to be sent again. Or fetch another split, revision or path."""
    found = get_import(request.auth, pk)
    return Status(202, ImportOut.of(import_again(request.auth, found, body.options(), body.source), request))


@router.delete("/{int:pk}", response={204: None, 403: ErrorOut, 404: ErrorOut}, summary="Give up an import")
def give_up(request: ApiRequest, pk: int) -> Status[None]:
    """Forget it and its files; a worker that holds it stops. A version that it became stays."""
    give_up_import(request.auth, get_import(request.auth, pk))
    return Status(204, None)
