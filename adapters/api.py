"""Base models and adapters over REST: list, look, download."""

from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpResponseBase
from ninja import Router

from adapters.access import (
    adapter_versions_of,
    adapters_of,
    base_models_of,
    base_revisions_of,
    get_adapter,
    get_adapter_version,
    get_base_model,
)
from adapters.downloads import archive_content, archive_name, file_content, listed_files
from adapters.listing import adapter_rows, base_rows, version_rows, with_lineage
from adapters.models import Adapter
from adapters.schemas import (
    AdapterDetailOut,
    AdapterOut,
    AdaptersOut,
    BaseModelDetailOut,
    BaseModelOut,
    BaseModelsOut,
    FileOut,
    VersionDetailOut,
)
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.ranged import ranged_response
from finetune_app.web.schemas import ErrorOut, Limit, Offset

base_models_router = Router()
adapters_router = Router()

VERSION = "/{name}/versions/{int:number}"
BYTES = {"schema": {"type": "string", "format": "binary"}}


def _downloads(content_type: str) -> dict[str, Any]:
    """The OpenAPI description of an answer that is a file."""
    return {
        "responses": {
            200: {"description": "All bytes. The ETag is their SHA-256.", "content": {content_type: BYTES}},
            206: {"description": "The bytes that `Range` asked for.", "content": {content_type: BYTES}},
            304: {"description": "`If-None-Match` names these bytes."},
            416: {"description": "There are no such bytes; `Content-Range` says how many there are."},
        }
    }


@base_models_router.get("", response=BaseModelsOut, summary="List base models")
def list_base_models(request: ApiRequest, limit: Limit = 50, offset: Offset = 0) -> BaseModelsOut:
    """Base models of the workspace by their newest revision, by name."""
    found = base_models_of(request.auth)
    rows = base_rows(found[offset : offset + limit])
    return BaseModelsOut(items=[BaseModelOut.of(row) for row in rows], count=found.count())


@base_models_router.get("/{name}", response={200: BaseModelDetailOut, 404: ErrorOut}, summary="One base model")
def show_base_model(request: ApiRequest, name: str) -> BaseModelDetailOut:
    """A base model and its revisions."""
    base = get_base_model(request.auth, name)
    return BaseModelDetailOut.of(base, list(base_revisions_of(request.auth).filter(base_model=base)))


@adapters_router.get("", response=AdaptersOut, summary="List adapters")
def list_adapters(request: ApiRequest, q: str = "", limit: Limit = 50, offset: Offset = 0) -> AdaptersOut:
    """Adapters of the workspace by their newest version, by name; `q` narrows them to names that contain it."""
    found: QuerySet[Adapter] = adapters_of(request.auth).filter(name__icontains=q)
    rows = adapter_rows(found[offset : offset + limit])
    return AdaptersOut(items=[AdapterOut.of(row) for row in rows], count=found.count())


@adapters_router.get("/{name}", response={200: AdapterDetailOut, 404: ErrorOut}, summary="One adapter")
def show_adapter(request: ApiRequest, name: str) -> AdapterDetailOut:
    """An adapter and its versions."""
    adapter = get_adapter(request.auth, name)
    versions = with_lineage(adapter_versions_of(request.auth).filter(adapter=adapter))
    return AdapterDetailOut.of(adapter, version_rows(versions))


@adapters_router.get(
    VERSION, response={200: VersionDetailOut, 404: ErrorOut}, url_name="adapter_version", summary="One adapter version"
)
def show_version(request: ApiRequest, name: str, number: int) -> VersionDetailOut:
    """The manifest (files, base digests, lineage) and where to download everything."""
    version = get_adapter_version(request.auth, name, number)
    files = [FileOut(path=file.path, size=file.size, sha256=file.sha256) for file in listed_files(version)]
    archive = FileOut(path=archive_name(version), size=version.archive_size, sha256=version.archive_sha256)
    return VersionDetailOut.of(version, files, archive)


@adapters_router.api_operation(["HEAD"], f"{VERSION}/download", include_in_schema=False)
@adapters_router.get(
    f"{VERSION}/download",
    url_name="adapter_download",
    summary="Download an adapter version",
    openapi_extra=_downloads("application/zip"),
)
async def download(request: ApiRequest, name: str, number: int) -> HttpResponseBase:
    """All files, `manifest.json` and `SHA256SUMS` as one zip; takes ranges, so a download can be resumed."""
    version = await sync_to_async(get_adapter_version)(request.auth, name, number)
    return ranged_response(request, archive_content(version))


@adapters_router.api_operation(["HEAD"], f"{VERSION}/files/{{path:path}}", include_in_schema=False)
@adapters_router.get(
    f"{VERSION}/files/{{path:path}}",
    url_name="adapter_file",
    summary="Download one file",
    openapi_extra=_downloads("application/octet-stream"),
)
async def download_file(request: ApiRequest, name: str, number: int, path: str) -> HttpResponseBase:
    """One file of the version, also `manifest.json`; takes ranges."""
    version = await sync_to_async(get_adapter_version)(request.auth, name, number)
    return ranged_response(request, file_content(version, path))
