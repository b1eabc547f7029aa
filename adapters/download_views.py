"""What a browser downloads of an adapter version."""

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from adapters.access import get_adapter_version
from adapters.downloads import archive_content, file_content, parse_archive_format
from adapters.labels import answer_for
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.web.ranged import ranged_response


@require_safe
@workspace_view
async def download(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponseBase:
    """All of a version: the zip, or with `?format=tar` the tar."""
    wanted = parse_archive_format(request.GET.get("format", ""))
    version = await sync_to_async(get_adapter_version)(access, name, number)
    content = await sync_to_async(archive_content)(version, wanted)
    return answer_for(number, version, ranged_response(request, content))


@require_safe
@workspace_view
async def download_file(
    request: HttpRequest, access: Access, name: str, number: int | str, path: str
) -> HttpResponseBase:
    """One file of a version."""
    version = await sync_to_async(get_adapter_version)(access, name, number)
    return answer_for(number, version, ranged_response(request, file_content(version, path)))
