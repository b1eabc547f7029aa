"""The pages that register a base model: from the Hugging Face hub, from shared folders, and by upload."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from adapters.base_import_forms import BaseNameForm, BaseUploadForm, HubBaseForm, SharedBaseForm
from adapters.models import BaseImport
from adapters.services.import_base import import_base_from, import_base_uploads
from adapters.weight_files import PICKLES
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.errors import UserError
from finetune_app.imports.forms import say_beside_field
from finetune_app.names import name_from
from finetune_app.web.links import workspace_url
from finetune_app.web.shared_look import SHOWN, Look, look_at

ENDINGS = (".safetensors", ".json", ".jinja", ".model", ".txt", ".py")


@workspace_view
def new_from_hub(request: HttpRequest, access: Access) -> HttpResponse:
    """Ask for a model of the hub; a worker fetches it."""
    access.require(Role.EDITOR)
    if request.method != "POST":
        return _page(request, "new_from_hub", HubBaseForm(initial={"name": request.GET.get("name", "")}))
    form = HubBaseForm(request.POST)
    if form.is_valid() and (found := _begin(access, form, form.cleaned_data["repo_id"].rpartition("/")[2])):
        return _to_import(access, found)
    return _page(request, "new_from_hub", form, status=422)


@workspace_view
def new_from_shared(request: WorkspaceRequest, access: Access) -> HttpResponse:
    """Look into shared folders, and ask for a base model's folder; a worker reads it."""
    access.require(Role.EDITOR)
    if request.method != "POST":
        look = look_at(request.GET.get("source", ""), request.GET.get("path", ""), (*ENDINGS, *PICKLES))
        name = request.GET.get("name") or _suggested(look)
        form = SharedBaseForm(initial={"source_name": look.source, "path": look.path, "name": name}) if look else None
        return _page(request, "new_from_shared", form, look=look)
    form = SharedBaseForm(request.POST)
    if form.is_valid() and (found := _begin(access, form)):
        return _to_import(access, found)
    look = look_at(form.data.get("source_name", ""), form.data.get("path", ""), (*ENDINGS, *PICKLES))
    return _page(request, "new_from_shared", form, look=look, status=422)


@workspace_view
def new_by_upload(request: HttpRequest, access: Access) -> HttpResponse:
    """Choose the files; the page's script sends them."""
    access.require(Role.EDITOR)
    form = BaseNameForm(initial={"name": request.GET.get("name", "")})
    return _page(request, "new_by_upload", form, endings=" ".join(ENDINGS), limit=settings.BASE_LIMIT_BYTES)


@require_POST
@workspace_view
def import_uploaded(request: HttpRequest, access: Access) -> HttpResponse:
    """Queue the import of uploads that the page's script has sent; answers that script: 201, or 422 with a sentence."""
    access.require(Role.EDITOR)
    form = BaseUploadForm(request.POST)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        return _refused(field, str(errors[0]))
    try:
        found = import_base_uploads(access, name=form.cleaned_data["name"], uploads=form.cleaned_data["uploads"])
    except UserError as error:
        return _refused(error.field, error.message)
    return HttpResponse(status=201, headers={"Location": _url(access, found)})


def _suggested(look: Look | None) -> str:
    return name_from(look.path.rpartition("/")[2]) if look else ""


def _begin(access: Access, form: HubBaseForm | SharedBaseForm, called: str = "") -> BaseImport | None:
    """Queue the import, under a name like `called` when the person gave none; None when the form says what is wrong."""
    try:
        return import_base_from(access, name=form.cleaned_data["name"] or name_from(called), source=form.source())
    except UserError as error:
        say_beside_field(form, error)
        return None


def _refused(field: str, sentence: str) -> HttpResponse:
    return HttpResponse(sentence, status=422, content_type="text/plain", headers={"X-Field": field})


def _url(access: Access, found: BaseImport) -> str:
    return workspace_url(access.workspace.slug, "bases:import", pk=found.pk)


def _to_import(access: Access, found: BaseImport) -> HttpResponse:
    return HttpResponseRedirect(_url(access, found))


def _page(
    request: HttpRequest, template: str, form: forms.Form | None, *, status: int = 200, **context: Any
) -> HttpResponse:
    context |= {
        "form": form,
        "given": urlencode({"name": name}) if (name := request.GET.get("name")) else "",
        "sources": list(settings.IMPORT_SOURCES),
        "shown": SHOWN,
    }
    return render(request, f"bases/{template}.html", context, status=status)
