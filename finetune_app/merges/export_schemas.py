"""The JSON of exports over REST: what a client sends and what it gets, with words for the OpenAPI document."""

from datetime import datetime
from typing import Any, Self

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Schema
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from adapters.manifest import ManifestFile
from finetune_app.jobs.states import Phase
from finetune_app.merges.export_downloads import export_files
from finetune_app.merges.export_options import ExportOptions
from finetune_app.merges.export_page import place_of
from finetune_app.merges.models import Export
from finetune_app.merges.parse_export_options import parse_export_options
from finetune_app.web.schemas import ErrorOut
from finetune_app.work.states import TaskState


class DocumentedAsExportOptions:
    """Any JSON object, shown in OpenAPI as the options of each kind; the service checks it, as the form's."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as `source`, describe as the options."""
        plain = SchemaValidator(handler(source))
        return core_schema.no_info_wrap_validator_function(
            lambda value, _as_options: plain.validate_python(value), handler.generate_schema(ExportOptions)
        )


class ExportOut(Schema):
    """Where an export stands. Ask `url` again until `state` is final."""

    reference: str = Field(description="`name@version/merged model/number`.")
    number: int = Field(description="Among those of its merged model.")
    options: ExportOptions
    state: TaskState = Field(description="`succeeded` and `failed` are final; a failed one can be tried again.")
    phase: Phase | None = Field(description="What the worker does now; null while nothing is known.")
    done: int = Field(description="Of `total` in this phase; both are 0 while nothing is known.")
    total: int
    error: ErrorOut | None = Field(description="Why it failed; the code is `cancelled` when a person stopped it.")
    files: list[ManifestFile] = Field(description="What can be downloaded; empty for what was sent elsewhere.")
    size: int = Field(description="Bytes of all files but `SHA256SUMS`.")
    result: dict[str, Any] = Field(
        description="What was measured, or where it was sent: of an int8 or int4 export `compared.top1` and "
        "`compared.kl` against the merged model; of what was sent its address."
    )
    created_by: str | None
    created_at: datetime
    finished_at: datetime | None
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, export: Export, request: HttpRequest) -> Self:
        """As JSON; its address is complete, host and all."""
        merged, failed = export.merged_model, export.state == TaskState.FAILED
        return cls(
            reference=f"{merged.version}/{merged.number}/{export.number}",
            number=export.number,
            options=parse_export_options(export.options),
            state=TaskState(export.state),
            phase=Phase(export.phase) if export.phase else None,
            done=export.done,
            total=export.total,
            error=_error(export) if failed else None,
            files=export_files(export),
            size=export.size,
            result={} if failed else export.result,
            created_by=str(export.created_by) if export.created_by else None,
            created_at=export.created_at,
            finished_at=export.finished_at,
            url=request.build_absolute_uri(reverse("api:export", kwargs=place_of(export))),
        )


def _error(export: Export) -> ErrorOut:
    return ErrorOut(code=export.error_code, message=export.error, field=None, details=None)


class ExportsOut(Schema):
    """A page of exports, the newest first."""

    items: list[ExportOut]
    count: int = Field(description="Of all.")
