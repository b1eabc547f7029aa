"""Merged models over REST: ask for one, look, stop, try again; `download_api.py` has their files."""

from typing import Any

from django.http import HttpResponse
from ninja import Router
from ninja.responses import Status

from adapters.access import get_adapter_version
from adapters.labels import Label
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.merges.access import get_merged_model, merged_models_of
from finetune_app.merges.report import MergeReport
from finetune_app.merges.report_file import report_answer
from finetune_app.merges.schemas import MergedModelOut, MergedModelsOut, MergeIn
from finetune_app.merges.services.cancel_merge import cancel_merge
from finetune_app.merges.services.request_merge import request_merge
from finetune_app.merges.services.try_merge_again import try_merge_again
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()
ALL = "/{name}/versions/{label:label}/merged"
ONE = f"{ALL}/{{int:merged}}"
CHANGED: dict[int, Any] = {202: MergedModelOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}


@router.get(ALL, response={200: MergedModelsOut, 404: ErrorOut}, summary="List the merged models of a version")
def list_merged(request: ApiRequest, name: str, label: Label, limit: Limit = 50, offset: Offset = 0) -> MergedModelsOut:
    """The newest first; also those that are being made, and those that failed."""
    found = merged_models_of(get_adapter_version(request.auth, name, label)).defer("files")
    items = [MergedModelOut.of(one, request) for one in found[offset : offset + limit]]
    return MergedModelsOut(items=items, count=found.count())


@router.post(ALL, response=CHANGED, summary="Merge an adapter version into its base")
def merge(request: ApiRequest, name: str, label: Label, payload: MergeIn) -> Status[MergedModelOut]:
    """Queue it; a training worker writes the weights and proves them equal to base and adapter.

    Asking for the same again gives the same merged model; one that failed is tried again.
    """
    version = get_adapter_version(request.auth, name, label)
    found = request_merge(
        request.auth, version, options=payload.options, base=payload.base_model, dataset=payload.dataset
    )
    return Status(202, MergedModelOut.of(found, request))


@router.get(ONE, response={200: MergedModelOut, 404: ErrorOut}, url_name="merged_model", summary="One merged model")
def show(request: ApiRequest, name: str, label: Label, merged: int) -> MergedModelOut:
    """Where it stands, and its verdict."""
    return MergedModelOut.of(get_merged_model(request.auth, name, label, merged), request)


@router.get(f"{ONE}/report", response={200: MergeReport, 404: ErrorOut}, summary="The proof of a merged model")
def show_report(request: ApiRequest, name: str, label: Label, merged: int) -> HttpResponse:
    """All that was measured, and the gates that decided the verdict."""
    return report_answer(get_merged_model(request.auth, name, label, merged))


@router.post(f"{ONE}/cancel", response=CHANGED, summary="Stop a merge")
def cancel(request: ApiRequest, name: str, label: Label, merged: int) -> Status[MergedModelOut]:
    """One that waits or runs ends as failed with the code `cancelled`, and nothing of it is kept."""
    found = cancel_merge(request.auth, get_merged_model(request.auth, name, label, merged))
    return Status(202, MergedModelOut.of(found, request))


@router.post(f"{ONE}/try-again", response=CHANGED, summary="Try a merge again")
def try_again(request: ApiRequest, name: str, label: Label, merged: int) -> Status[MergedModelOut]:
    """One that failed or was stopped is queued again with the same options, under the same number."""
    found = try_merge_again(request.auth, get_merged_model(request.auth, name, label, merged))
    return Status(202, MergedModelOut.of(found, request))
