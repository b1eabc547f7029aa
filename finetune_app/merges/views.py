"""The pages of merged models: all of a workspace, the form, and one with its progress or its proof."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from adapters.access import get_adapter_version
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.errors import UserError
from finetune_app.merges.access import get_merged_model, merged_models_in
from finetune_app.merges.forms import MergeForm
from finetune_app.merges.merged_page import merged_context
from finetune_app.merges.models import MergedModel
from finetune_app.merges.report_file import report_answer
from finetune_app.merges.services.cancel_merge import cancel_merge
from finetune_app.merges.services.request_merge import request_merge
from finetune_app.merges.services.try_merge_again import try_merge_again
from finetune_app.merges.tell_error import tell_error
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, varied, wants_part

PER_PAGE = 25


@require_safe
@workspace_view
def merged_models(request: HttpRequest, access: Access) -> HttpResponse:
    """All merged models of the workspace, the newest first."""
    found = merged_models_in(access).defer("files", "version__manifest", "base_revision__files")  # long, and not shown
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "merges/list.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def new_merge(request: HttpRequest, access: Access, *, name: str, label: int | str) -> HttpResponse:
    """The form, and what it asks for."""
    access.require(Role.EDITOR)
    version = get_adapter_version(access, name, label)
    form = MergeForm(version, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            return HttpResponseRedirect(_address(access, request_merge(access, version, **form.asked)))
        except UserError as error:
            form.say(error)
    context = {"version": version, "adapter": version.adapter, "form": form}
    return render(request, "merges/new.html", context, status=422 if form.errors else 200)


@require_safe
@workspace_view
def merged_model(
    request: WorkspaceRequest, access: Access, *, name: str, label: int | str, merged: int
) -> HttpResponse:
    """How far it is, asked again by the page itself; then its verdict and its proof."""
    found = get_merged_model(access, name, label, merged)
    if wants_part(request):
        if not found.is_open:
            return lead_to(request, _address(access, found))
        return varied(render(request, "merges/_progress.html", merged_context(request, found)))
    return varied(render(request, "merges/merged.html", merged_context(request, found)))


@require_safe
@workspace_view
def report(_request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int) -> HttpResponse:
    """The proof as JSON, as the prover wrote it."""
    return report_answer(get_merged_model(access, name, label, merged))


@require_POST
@workspace_view
def cancel(request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int) -> HttpResponse:
    """Stop it."""
    found = get_merged_model(access, name, label, merged)
    try:
        cancel_merge(access, found)
    except UserError as error:
        tell_error(request, error)
    return HttpResponseRedirect(_address(access, found))


@require_POST
@workspace_view
def try_again(request: HttpRequest, access: Access, *, name: str, label: int | str, merged: int) -> HttpResponse:
    """Try once more what failed or was stopped."""
    found = get_merged_model(access, name, label, merged)
    try:
        try_merge_again(access, found)
    except UserError as error:
        tell_error(request, error)
    return HttpResponseRedirect(_address(access, found))


def _address(access: Access, found: MergedModel) -> str:
    version = found.version
    place: dict[str, str | int] = {"name": version.adapter.name, "label": version.number, "merged": found.number}
    return workspace_url(access.workspace.slug, "merges:merged", **place)
