"""The page of an import: how far the worker is, why it was refused, and how to read the same files otherwise."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.datasets.forms import ReadingForm
from finetune_app.datasets.import_forms import HubFields, ImportForm, SharedFields, again_form
from finetune_app.datasets.import_source import Uploads, asked_for
from finetune_app.datasets.imports_access import get_import
from finetune_app.datasets.models import DatasetImport, DatasetVersion
from finetune_app.datasets.services.import_again import import_again
from finetune_app.datasets.services.import_uploads import import_uploads
from finetune_app.datasets.version_page import say_kept, version_url
from finetune_app.errors import UserError
from finetune_app.imports.end_import import give_up_import
from finetune_app.imports.forms import say_beside_field
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, render_page_or_part, wants_part
from finetune_app.work.states import DOWNLOADING, TaskState


@require_POST
@workspace_view
def import_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Queue the import of uploads that the page's script has sent; answers that script: 201, or 422 with a sentence."""
    access.require(Role.EDITOR)
    form = ImportForm(request.POST)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        return _refused(field, str(errors[0]))
    try:
        options = form.options()
        name, uploads = form.cleaned_data["name"], form.cleaned_data["uploads"]
        found = import_uploads(access, name=name, uploads=uploads, options=options)
    except UserError as error:
        return _refused(error.field, error.message)
    return HttpResponse(status=201, headers={"Location": _url(access, found)})


@workspace_view
def import_page(request: WorkspaceRequest, access: Access, pk: int) -> HttpResponse:
    """Where the import stands; leads to the version once there is one."""
    found = get_import(access, pk)
    if found.version is not None and not found.is_open:
        return _arrived(request, found.version, is_new=found.result.get("is_new", True))
    if found.state == TaskState.SUCCEEDED:
        messages.info(request, "The version that it became was deleted since.")
        return lead_to(request, workspace_url(access.workspace.slug, "datasets:list"))
    context = _context(found, again_form(found))
    return render_page_or_part(request, "datasets/import.html", "datasets/_import.html", context)


@require_POST
@workspace_view
def import_page_again(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Read the same files in another way, or fetch something else."""
    found = get_import(access, pk)
    form = again_form(found, request.POST)
    try:
        if form.is_valid():
            source = form.source() if isinstance(form, HubFields | SharedFields) else None
            import_again(access, found, form.options(), source)
            return HttpResponseRedirect(_url(access, found))
    except UserError as error:
        say_beside_field(form, error)
    return render(request, "datasets/import.html", _context(found, form), status=422)


@require_POST
@workspace_view
def import_give_up(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Forget it and its files."""
    found = get_import(access, pk)
    give_up_import(access, found)
    if found.version is None:
        messages.info(request, f"The import of “{found.name}” was given up; nothing was saved.")
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "datasets:list"))


def _arrived(request: HttpRequest, version: DatasetVersion, *, is_new: bool) -> HttpResponse:
    if wants_part(request):  # whoever was there while it became a version
        say_kept(request, version, is_new=is_new)
    return lead_to(request, version_url(version))


def _context(found: DatasetImport, form: ReadingForm) -> dict[str, Any]:
    asked = asked_for(found.source)
    return {
        "found": found,
        "form": form,
        "label": _label(found),
        "can_go_on": found.has_files or not isinstance(asked, Uploads),
        "asked": None if isinstance(asked, Uploads) else asked,
        "files": found.source["files"],
        "bad_rows": [row for row in found.result.get("details", []) if row.get("reason") and not row.get("keys")],
    }


def _label(found: DatasetImport) -> str:
    if found.state == TaskState.QUEUED:
        return "Waiting for a worker"
    return "Fetching the files" if found.phase == DOWNLOADING else "Reading and checking every row"


def _refused(field: str, sentence: str) -> HttpResponse:
    return HttpResponse(sentence, status=422, content_type="text/plain", headers={"X-Field": field})


def _url(access: Access, found: DatasetImport) -> str:
    return workspace_url(access.workspace.slug, "datasets:import", pk=found.pk)
