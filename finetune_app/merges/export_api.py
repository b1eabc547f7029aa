"""Exports of merged models over REST: ask for one, look, stop, try again, delete, download."""

from typing import Annotated, Any

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase
from ninja import Body, Path, Router
from ninja.responses import Status

from adapters.direct_response import file_response
from adapters.download_api import file_answers
from adapters.labels import Label
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.merges.chosen import find_merged_model
from finetune_app.merges.downloads import answer_for
from finetune_app.merges.export_access import exports_of, get_export
from finetune_app.merges.export_downloads import export_content, is_blob
from finetune_app.merges.export_schemas import DocumentedAsExportOptions, ExportOut, ExportsOut
from finetune_app.merges.labels import MergedLabel
from finetune_app.merges.services.end_export import cancel_export, delete_export
from finetune_app.merges.services.request_export import request_export, try_export_again
from finetune_app.web.ranged import ranged_response
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()
ALL = "/{name}/versions/{label:label}/merged/{merged:merged}/exports"
ONE = f"{ALL}/{{int:number}}"
Options = Annotated[
    dict[str, Any], DocumentedAsExportOptions, Body(description="`kind`, and the options of that kind.")
]
Number = Annotated[int, Path(description="Among the exports of the merged model.")]
READ: dict[int, Any] = {404: ErrorOut, 409: ErrorOut}
CHANGED: dict[int, Any] = {202: ExportOut, 403: ErrorOut, 422: ErrorOut, **READ}


@router.get(ALL, response={200: ExportsOut, **READ}, summary="List the exports of a merged model")
def list_exports(
    request: ApiRequest, *, name: str, label: Label, merged: MergedLabel, limit: Limit = 50, offset: Offset = 0
) -> ExportsOut:
    """The newest first; also those that are being made, and those that failed."""
    found = exports_of(find_merged_model(request.auth, name, label, merged))
    items = [ExportOut.of(one, request) for one in found[offset : offset + limit]]
    return ExportsOut(items=items, count=found.count())


@router.post(ALL, response=CHANGED, summary="Export a merged model")
def export(request: ApiRequest, name: str, label: Label, merged: MergedLabel, payload: Options) -> Status[ExportOut]:
    """Queue it; only a verified one is exported: 422 `merge_not_verified`.

    Asking for the same again gives the same export; one that failed is tried again.
    """
    found = request_export(request.auth, find_merged_model(request.auth, name, label, merged), payload)
    return Status(202, ExportOut.of(found, request))


@router.get(ONE, response={200: ExportOut, **READ}, url_name="export", summary="One export")
def show(request: ApiRequest, name: str, label: Label, merged: MergedLabel, number: Number) -> ExportOut:
    """Where it stands, and what came of it."""
    return ExportOut.of(get_export(request.auth, name, label, merged, number), request)


@router.post(f"{ONE}/cancel", response=CHANGED, summary="Stop an export")
def cancel(request: ApiRequest, name: str, label: Label, merged: MergedLabel, number: Number) -> Status[ExportOut]:
    """One that waits or runs ends as failed with the code `cancelled`, and nothing of it is kept here."""
    found = cancel_export(request.auth, get_export(request.auth, name, label, merged, number))
    return Status(202, ExportOut.of(found, request))


@router.post(f"{ONE}/try-again", response=CHANGED, summary="Try an export again")
def try_again(request: ApiRequest, name: str, label: Label, merged: MergedLabel, number: Number) -> Status[ExportOut]:
    """One that failed or was stopped is queued again with the same options, under the same number."""
    found = try_export_again(request.auth, get_export(request.auth, name, label, merged, number))
    return Status(202, ExportOut.of(found, request))


@router.delete(ONE, response={204: None, 403: ErrorOut, **READ}, summary="Delete an export")
def delete(request: ApiRequest, name: str, label: Label, merged: MergedLabel, number: Number) -> Status[None]:
    """Its files go with the next collection of garbage; what was sent somewhere stays there."""
    delete_export(request.auth, get_export(request.auth, name, label, merged, number))
    return Status(204, None)


@router.api_operation(["HEAD"], f"{ONE}/files/{{path:path}}", include_in_schema=False)
@router.get(
    f"{ONE}/files/{{path:path}}",
    url_name="export_file",
    summary="Download a file of an export",
    openapi_extra=file_answers("application/octet-stream", direct=True),
)
async def download_file(
    request: ApiRequest, *, name: str, label: Label, merged: MergedLabel, number: Number, path: str
) -> HttpResponseBase:
    """One file, or `SHA256SUMS`; takes ranges, and may be answered with 307 as those of adapter versions are."""
    found = await sync_to_async(get_export)(request.auth, name, label, merged, number)
    content = export_content(found, path)
    answer = file_response(request, content) if is_blob(found, path) else ranged_response(request, content)
    return answer_for(found.merged_model, answer)
