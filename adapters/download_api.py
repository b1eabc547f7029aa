"""Adapter versions over REST: their bytes."""

from typing import Annotated, Any

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase
from ninja import Query, Router

from adapters.access import get_adapter_version
from adapters.direct_response import file_response
from adapters.downloads import ArchiveFormat, archive_content, file_content
from adapters.labels import Label, answer_for
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.ranged import ranged_response

router = Router()

VERSION = "/{name}/versions/{label:number}"
BYTES = {"schema": {"type": "string", "format": "binary"}}
Format = Annotated[ArchiveFormat, Query(alias="format", description="Neither is compressed.")]


def file_answers(*content_types: str, direct: bool = False) -> dict[str, Any]:
    """The OpenAPI description of an answer that is a file."""
    content = dict.fromkeys(content_types, BYTES)
    elsewhere = {307: {"description": "The bytes are at `Location`."}} if direct else {}
    return {
        "responses": {
            **elsewhere,
            200: {"description": "All bytes. The ETag is their SHA-256.", "content": content},
            206: {
                "description": "The bytes that `Range` asked for; several ranges as `multipart/byteranges`.",
                "content": content | {"multipart/byteranges": BYTES},
            },
            304: {"description": "`If-None-Match` names these bytes."},
            416: {"description": "There are no such bytes; `Content-Range` says how many there are."},
        }
    }


@router.api_operation(["HEAD"], f"{VERSION}/download", include_in_schema=False)
@router.get(
    f"{VERSION}/download",
    url_name="adapter_download",
    summary="Download an adapter version",
    openapi_extra=file_answers("application/zip", "application/x-tar"),
)
async def download(
    request: ApiRequest, name: str, number: Label, wanted: Format = ArchiveFormat.ZIP
) -> HttpResponseBase:
    """All files, `manifest.json` and `SHA256SUMS` as one archive; takes ranges, so a download can be resumed."""
    version = await sync_to_async(get_adapter_version)(request.auth, name, number)
    content = await sync_to_async(archive_content)(version, wanted)
    return answer_for(number, version, ranged_response(request, content))


@router.api_operation(["HEAD"], f"{VERSION}/files/{{path:path}}", include_in_schema=False)
@router.get(
    f"{VERSION}/files/{{path:path}}",
    url_name="adapter_file",
    summary="Download one file",
    openapi_extra=file_answers("application/octet-stream", direct=True),
)
async def download_file(request: ApiRequest, name: str, number: Label, path: str) -> HttpResponseBase:
    """One file of the version, also `manifest.json` and `SHA256SUMS`; takes ranges.

    Where Graft is told to (`GRAFT_DIRECT_DOWNLOADS`), the answer is 307 to an address in its S3 storage that works for
    an hour. Whoever follows it leaves the token behind, as curl and HTTP libraries do.
    """
    version = await sync_to_async(get_adapter_version)(request.auth, name, number)
    return answer_for(number, version, file_response(request, file_content(version, path)))
