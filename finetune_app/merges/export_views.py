"""The pages of exports: the form of each kind, and one export with its progress or its files."""

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.hub_token import hub_token_of
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.errors import UserError
from finetune_app.merges.chosen import find_merged_model
from finetune_app.merges.downloads import answer_for
from finetune_app.merges.export_access import get_export
from finetune_app.merges.export_downloads import export_content
from finetune_app.merges.export_forms import ExportForm
from finetune_app.merges.export_page import export_context, place_of
from finetune_app.merges.export_words import KIND_WORDS
from finetune_app.merges.models import Export
from finetune_app.merges.services.end_export import cancel_export, delete_export
from finetune_app.merges.services.request_export import request_export, try_export_again
from finetune_app.merges.states import ExportKind
from finetune_app.merges.tell_error import tell_error
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, varied, wants_part
from finetune_app.web.ranged import ranged_response


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def new_export(request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int | str) -> HttpResponse:
    """The form of the kind that the address names, and what it asks for."""
    access.require(Role.EDITOR)
    found = find_merged_model(access, name, label, merged)
    kind = _kind(request.GET.get("kind", ""))
    form = ExportForm(kind, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            return HttpResponseRedirect(_address(access, request_export(access, found, form.asked)))
        except UserError as error:
            form.say(error)
    context = {
        "merged": found,
        "version": found.version,
        "adapter": found.version.adapter,
        "kinds": [(str(one), title) for one, (title, _) in KIND_WORDS.items()],
        "kind": str(kind),
        "what": KIND_WORDS[kind][1],
        "form": form,
        "missing": _missing(access, kind),
    }
    return render(request, "merges/exports/new.html", context, status=422 if form.errors else 200)


@require_safe
@workspace_view
def export_page(
    request: WorkspaceRequest, access: Access, *, name: str, label: int | str, merged: int | str, number: int
) -> HttpResponse:
    """How far it is, asked again by the page itself; then its files and how to use them."""
    found = get_export(access, name, label, merged, number)
    if wants_part(request):
        if not found.is_open:
            return lead_to(request, _address(access, found))
        return varied(render(request, "merges/exports/_progress.html", export_context(request, found)))
    return varied(render(request, "merges/exports/export.html", export_context(request, found)))


@require_safe
@workspace_view
async def download_file(
    request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int | str, number: int, path: str
) -> HttpResponseBase:
    """One file."""
    found = await sync_to_async(get_export)(access, name, label, merged, number)
    return answer_for(found.merged_model, ranged_response(request, export_content(found, path)))


@require_POST
@workspace_view
def cancel(
    request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int | str, number: int
) -> HttpResponse:
    """Stop it."""
    found = get_export(access, name, label, merged, number)
    try:
        cancel_export(access, found)
    except UserError as error:
        tell_error(request, error)
    return HttpResponseRedirect(_address(access, found))


@require_POST
@workspace_view
def try_again(
    request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int | str, number: int
) -> HttpResponse:
    """Try once more what failed or was stopped."""
    found = get_export(access, name, label, merged, number)
    try:
        try_export_again(access, found)
    except UserError as error:
        tell_error(request, error)
    return HttpResponseRedirect(_address(access, found))


@require_POST
@workspace_view
def delete(
    request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int | str, number: int
) -> HttpResponse:
    """Forget it and its files."""
    found = get_export(access, name, label, merged, number)
    delete_export(access, found)
    messages.success(request, f"Export {number} was deleted.")
    place = place_of(found)
    del place["number"]
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "merges:merged", **place))


def _kind(value: str) -> ExportKind:
    """The kind of this name; the first where it is none."""
    return ExportKind(value) if value in set(ExportKind) else ExportKind.GGUF


def _missing(access: Access, kind: ExportKind) -> str:
    """What somebody has to set up before this kind can be made."""
    if kind == ExportKind.FOLDER and not settings.EXPORT_PLACES:
        return "places"
    return "hub_token" if kind == ExportKind.HUB and hub_token_of(access.workspace) is None else ""


def _address(access: Access, found: Export) -> str:
    return workspace_url(access.workspace.slug, "exports:export", **place_of(found))
