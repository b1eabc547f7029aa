"""What a browser shows and downloads of a merged model's files."""

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.merges.chosen import find_merged_model
from finetune_app.merges.downloads import answer_for, file_content
from finetune_app.merges.file_page import files_context
from finetune_app.web.ranged import ranged_response


@require_safe
@workspace_view
def files(request: WorkspaceRequest, access: Access, *, name: str, label: int | str, merged: int | str) -> HttpResponse:
    """Every file with its size and SHA-256, and ready lines to use the merged model."""
    found = find_merged_model(access, name, label, merged)
    return render(request, "merges/files.html", files_context(request, found))


@require_safe
@workspace_view
async def download_file(
    request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int | str, path: str
) -> HttpResponseBase:
    """One file."""
    found = await sync_to_async(find_merged_model)(access, name, label, merged)
    return answer_for(found, ranged_response(request, file_content(found, path)))
