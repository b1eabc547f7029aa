"""Deleting over REST. The operations join the routers of what they delete: one address is one view there."""

from ninja.responses import Status

from adapters.access import get_adapter, get_adapter_version, get_base_model, get_base_revision
from adapters.api import VERSION, adapters_router
from adapters.base_api import REVISION
from adapters.base_api import router as base_models_router
from adapters.labels import Label
from adapters.services.delete_adapter import delete_adapter
from adapters.services.delete_base import delete_base_model, delete_base_revision
from adapters.services.delete_version import delete_version
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.merges.access import get_merged_model
from finetune_app.merges.api import ONE as MERGED_MODEL
from finetune_app.merges.api import router as merges_router
from finetune_app.merges.services.delete_merged_model import delete_merged_model
from finetune_app.web.schemas import ErrorOut

RESPONSES = {204: None, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut}


@adapters_router.delete(VERSION, response=RESPONSES, summary="Delete an adapter version")
def remove_version(request: ApiRequest, name: str, number: Label) -> Status[None]:
    """Its adapter goes with the last one. 409 `in_use`, with the list, while an alias, a job or a version needs it."""
    delete_version(request.auth, get_adapter_version(request.auth, name, number))
    return Status(204, None)


@adapters_router.delete("/{name}", response=RESPONSES, summary="Delete an adapter")
def remove_adapter(request: ApiRequest, name: str) -> Status[None]:
    """Delete it with all its versions. 409 `in_use`, with the list, while something else needs one of them."""
    delete_adapter(request.auth, get_adapter(request.auth, name))
    return Status(204, None)


@merges_router.delete(MERGED_MODEL, response=RESPONSES, summary="Delete a merged model")
def remove_merged_model(request: ApiRequest, name: str, label: Label, merged: int) -> Status[None]:
    """With its exports. 409 `in_use` while it or one of them is being made: stop that first."""
    delete_merged_model(request.auth, get_merged_model(request.auth, name, label, merged))
    return Status(204, None)


@base_models_router.delete(REVISION, response=RESPONSES, summary="Delete a base revision")
def remove_base_revision(request: ApiRequest, name: str, number: int) -> Status[None]:
    """Its base model goes with the last one. 409 `in_use`, with the list, while a version or a job is on it."""
    delete_base_revision(request.auth, get_base_revision(request.auth, name, number))
    return Status(204, None)


@base_models_router.delete("/{name}", response=RESPONSES, summary="Delete a base model")
def remove_base_model(request: ApiRequest, name: str) -> Status[None]:
    """Delete it with all its revisions. 409 `in_use`, with the list, while a version or a job is on one."""
    delete_base_model(request.auth, get_base_model(request.auth, name))
    return Status(204, None)
