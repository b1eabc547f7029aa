"""What the REST API takes and says about imports of base models."""

from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Schema

from adapters.base_source import HubModel, SharedBase
from adapters.models import BaseImport
from finetune_app.web.schemas import ErrorOut
from finetune_app.work.states import TaskState

FetchableIn = Annotated[HubModel | SharedBase, Field(discriminator="kind")]


class BaseImportIn(Schema):
    """What to import."""

    name: str = Field(description="The base model; a name that exists gets its next revision.")
    uploads: list[UUID] = Field(
        [],
        description="The ids of complete uploads, the files of one folder; begun with `purpose base` in their metadata "
        "they may be larger than files of datasets. Or:",
    )
    source: FetchableIn | None = Field(None, description="Where a worker fetches the files from.")


class BaseAgainIn(Schema):
    """Another try."""

    source: FetchableIn | None = Field(None, description="What to fetch instead.")


class BaseImportOut(Schema):
    """Where an import stands. Ask `url` again until `state` is final."""

    id: int
    name: str
    state: TaskState = Field(description="`succeeded` and `failed` are final; a failed one can be tried again.")
    phase: str = Field(description="`downloading`, then `reading`; empty while nothing is known.")
    done: int = Field(description="Bytes of `total` in this phase; both are 0 while nothing is known.")
    total: int
    error: ErrorOut | None
    revision: str | None = Field(description="What it became: `name@2`.")
    is_new: bool | None = Field(description="False when a revision had exactly this content already; null until then.")
    source: dict[str, Any] = Field(description="Where the files come from.")
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, found: BaseImport, request: HttpRequest) -> Self:
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
            revision=str(found.revision) if found.revision else None,
            is_new=found.result.get("is_new") if found.state == TaskState.SUCCEEDED else None,
            source={key: value for key, value in found.source.items() if key != "files"},
            url=request.build_absolute_uri(reverse("api:base_import", kwargs={"pk": found.pk})),
        )


class BaseImportsOut(Schema):
    """A page of imports, the newest first."""

    items: list[BaseImportOut]
    count: int = Field(description="Of all.")
