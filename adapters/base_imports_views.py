"""The page of a base model's import: how far the worker is, why it was refused, and another try."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from adapters.base_import_forms import HubFields, SharedFields, again_form
from adapters.base_imports_access import get_base_import
from adapters.base_source import BaseUploads, base_asked_for
from adapters.models import BaseImport, BaseRevision
from adapters.services.import_base_again import import_base_again
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.imports.end_import import give_up_import
from finetune_app.imports.forms import say_beside_field
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, render_page_or_part
from finetune_app.work.states import DOWNLOADING, TaskState


@workspace_view
def import_page(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Where the import stands; leads to the revision once there is one."""
    found = get_base_import(access, pk)
    if found.revision is not None and not found.is_open:
        return _arrived(request, access, found.revision, is_new=found.result.get("is_new", True))
    if found.state == TaskState.SUCCEEDED:
        messages.info(request, "The revision that it became was deleted since.")
        return lead_to(request, workspace_url(access.workspace.slug, "bases:list"))
    return render_page_or_part(request, "bases/import.html", "bases/_import.html", _context(found, again_form(found)))


@require_POST
@workspace_view
def import_again(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Try it again, perhaps with another repository, revision or path."""
    found = get_base_import(access, pk)
    form = again_form(found, request.POST)
    try:
        if form is None or form.is_valid():
            import_base_again(access, found, form.source() if form else None)
            return HttpResponseRedirect(workspace_url(access.workspace.slug, "bases:import", pk=found.pk))
    except UserError as error:
        if form is None:
            raise
        say_beside_field(form, error)
    return render(request, "bases/import.html", _context(found, form), status=422)


@require_POST
@workspace_view
def import_give_up(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Forget it and its files."""
    found = get_base_import(access, pk)
    give_up_import(access, found)
    if found.revision is None:
        messages.info(request, f"The import of “{found.name}” was given up; nothing was saved.")
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "bases:list"))


def _arrived(request: HttpRequest, access: Access, revision: BaseRevision, *, is_new: bool) -> HttpResponse:
    said = "is registered" if is_new else "has exactly this content already; nothing was added"
    messages.success(request, f"{revision} {said}.")
    name, number = revision.base_model.name, revision.number
    return lead_to(request, workspace_url(access.workspace.slug, "bases:revision", name=name, number=number))


def _context(found: BaseImport, form: HubFields | SharedFields | None) -> dict[str, Any]:
    asked = base_asked_for(found.source)
    return {
        "found": found,
        "form": form,
        "label": _label(found),
        "can_go_on": found.has_files or not isinstance(asked, BaseUploads),
        "asked": None if isinstance(asked, BaseUploads) else asked,
        "files": found.source["files"],
    }


def _label(found: BaseImport) -> str:
    if found.state == TaskState.QUEUED:
        return "Waiting for a worker"
    if found.total and found.done == found.total and found.phase != DOWNLOADING:
        return "Storing the files"
    return "Fetching the files" if found.phase == DOWNLOADING else "Computing the digests"
