"""The pages that import from elsewhere: from the Hugging Face hub, and from shared folders, with a look into them."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.datasets.file_kinds import ROW_FILE_ENDINGS
from finetune_app.datasets.form_guide import FORM_GUIDES
from finetune_app.datasets.forms import NamedForm, given_name
from finetune_app.datasets.import_forms import HubForm, SharedForm
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.import_from import import_from
from finetune_app.errors import UserError
from finetune_app.imports.forms import say_beside_field
from finetune_app.names import name_from
from finetune_app.web.links import workspace_url
from finetune_app.web.shared_look import SHOWN, Look, look_at


@workspace_view
def hub_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Ask for a split of a dataset of the hub; a worker fetches it."""
    access.require(Role.EDITOR)
    if request.method != "POST":
        return _page(request, "new_from_hub", HubForm(initial={"name": request.GET.get("name", "")}))
    form = HubForm(request.POST)
    if form.is_valid() and (found := _begin(access, form, form.cleaned_data["repo_id"].rpartition("/")[2])):
        return _to_import(access, found)
    return _page(request, "new_from_hub", form, status=422)


@workspace_view
def shared_new(request: WorkspaceRequest, access: Access) -> HttpResponse:
    """Look into shared folders, and ask for a file or folder of one; a worker fetches it."""
    access.require(Role.EDITOR)
    if request.method != "POST":
        look = look_at(request.GET.get("source", ""), request.GET.get("path", ""), ROW_FILE_ENDINGS)
        name = request.GET.get("name") or _suggested(look)
        form = SharedForm(initial={"source_name": look.source, "path": look.path, "name": name}) if look else None
        return _page(request, "new_from_shared", form, look=look)
    form = SharedForm(request.POST)
    if form.is_valid() and (found := _begin(access, form)):
        return _to_import(access, found)
    look = look_at(form.data.get("source_name", ""), form.data.get("path", ""), ROW_FILE_ENDINGS)
    return _page(request, "new_from_shared", form, look=look, status=422)


def _suggested(look: Look | None) -> str:
    return name_from(look.path.rpartition("/")[2].partition(".")[0]) if look else ""


def _begin(access: Access, form: HubForm | SharedForm, called: str = "") -> DatasetImport | None:
    """Queue the import, under a name like `called` when the person gave none; None when the form says what is wrong."""
    name = form.cleaned_data["name"] or name_from(called)
    try:
        return import_from(access, name=name, source=form.source(), options=form.options())
    except UserError as error:
        say_beside_field(form, error)
        return None


def _to_import(access: Access, found: DatasetImport) -> HttpResponse:
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "datasets:import", pk=found.pk))


def _page(
    request: HttpRequest, template: str, form: NamedForm | None, *, status: int = 200, **context: Any
) -> HttpResponse:
    context |= {
        "form": form,
        "given": given_name(request),
        "guides": FORM_GUIDES,
        "sources": list(settings.IMPORT_SOURCES),
        "shown": SHOWN,
    }
    return render(request, f"datasets/{template}.html", context, status=status)
