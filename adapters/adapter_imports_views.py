"""The page of an adapter's import: how far the worker is, why it was refused, and another try."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from adapters.adapter_import_forms import BaseFields, again_form
from adapters.adapter_imports_access import get_adapter_import
from adapters.adapter_source import AdapterUploads, adapter_asked_for
from adapters.models import AdapterImport, AdapterVersion
from adapters.services.import_adapter_again import import_adapter_again
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.imports.end_import import give_up_import
from finetune_app.imports.forms import say_beside_field
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, render_page_or_part
from finetune_app.work.states import DOWNLOADING, TaskState

OF_FILES = ("adapter_", "archive_", "several_adapters", "file_twice")  # codes


@workspace_view
def import_page(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Where the import stands; leads to the version once there is one."""
    found = get_adapter_import(access, pk)
    if found.version is not None and not found.is_open:
        return _arrived(request, access, found.version)
    if found.state == TaskState.SUCCEEDED:
        messages.info(request, "The version that it became was deleted since.")
        return lead_to(request, workspace_url(access.workspace.slug, "adapters:list"))
    context = _context(found, None if found.is_open else again_form(access, found))
    return render_page_or_part(request, "adapters/import.html", "adapters/_import.html", context)


@require_POST
@workspace_view
def import_again(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Try it again, on another base, or with another repository, revision or path."""
    found = get_adapter_import(access, pk)
    form = again_form(access, found, request.POST)
    try:
        if form.is_valid():
            import_adapter_again(access, found, base=form.cleaned_data["base"], source=form.source())
            return HttpResponseRedirect(workspace_url(access.workspace.slug, "adapters:import", pk=found.pk))
    except UserError as error:
        say_beside_field(form, error)
    return render(request, "adapters/import.html", _context(found, form), status=422)


@require_POST
@workspace_view
def import_give_up(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Forget it and its files."""
    found = get_adapter_import(access, pk)
    give_up_import(access, found)
    if found.version is None:
        messages.info(request, f"The import of “{found.name}” was given up; nothing was saved.")
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "adapters:list"))


def _arrived(request: HttpRequest, access: Access, version: AdapterVersion) -> HttpResponse:
    messages.success(request, f"{version} is registered, bound to {version.base_revision}.")
    name, number = version.adapter.name, version.number
    return lead_to(request, workspace_url(access.workspace.slug, "adapters:version", name=name, number=number))


def _context(found: AdapterImport, form: BaseFields | None) -> dict[str, Any]:
    asked = adapter_asked_for(found.source)
    return {
        "found": found,
        "form": form,
        "is_said_beside_field": form is not None and any(found.error in errors for errors in form.errors.values()),
        "label": _label(found),
        "can_go_on": not isinstance(asked, AdapterUploads) or (found.has_files and not _are_files_at_fault(found)),
        "asked": None if isinstance(asked, AdapterUploads) else asked,
        "files": found.source["files"],
    }


def _are_files_at_fault(found: AdapterImport) -> bool:
    """Whether the same files would be refused again, whatever the person chooses."""
    return found.error_code.startswith(OF_FILES) and found.result.get("field") != "base"


def _label(found: AdapterImport) -> str:
    if found.state == TaskState.QUEUED:
        return "Waiting for a worker"
    return "Fetching the files" if found.phase == DOWNLOADING else "Checking every tensor against the base"
