"""The pages that import an adapter: by upload, from the Hugging Face hub, and from shared folders."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from adapters.adapter_import_forms import HubForm, SentForm, SharedForm, UploadForm
from adapters.models import AdapterImport
from adapters.services.import_adapter import import_adapter_from, import_uploaded_adapter
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.errors import UserError
from finetune_app.imports.forms import say_beside_field
from finetune_app.names import name_from
from finetune_app.web.links import workspace_url
from finetune_app.web.shared_look import SHOWN, Look, look_at

OF_ADAPTERS = (".safetensors", ".json", ".jinja", ".model", ".txt", ".bin")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst")


@workspace_view
def import_by_upload(request: HttpRequest, access: Access) -> HttpResponse:
    """Choose the files; the page's script sends them."""
    access.require(Role.EDITOR)
    form = UploadForm(access, initial={"name": request.GET.get("name", "")})
    accept = ",".join([*OF_ADAPTERS, *ARCHIVES])
    return _page(request, "import_by_upload", form, accept=accept, limit=settings.UPLOAD_LIMIT_BYTES)


@require_POST
@workspace_view
def import_uploaded(request: HttpRequest, access: Access) -> HttpResponse:
    """Queue the import of uploads that the page's script has sent; answers that script: 201, or 422 with a sentence."""
    access.require(Role.EDITOR)
    form = SentForm(access, request.POST)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        return _refused(field, str(errors[0]))
    try:
        found = import_uploaded_adapter(access, **form.cleaned_data)
    except UserError as error:
        return _refused(error.field, error.message)
    return HttpResponse(status=201, headers={"Location": _url(access, found)})


@workspace_view
def import_from_hub(request: HttpRequest, access: Access) -> HttpResponse:
    """Ask for an adapter of the hub; a worker fetches it."""
    access.require(Role.EDITOR)
    if request.method != "POST":
        return _page(request, "import_from_hub", HubForm(access, initial={"name": request.GET.get("name", "")}))
    form = HubForm(access, request.POST)
    if form.is_valid() and (found := _begin(access, form, form.cleaned_data["repo_id"].rpartition("/")[2])):
        return HttpResponseRedirect(_url(access, found))
    return _page(request, "import_from_hub", form, status=422)


@workspace_view
def import_from_shared(request: WorkspaceRequest, access: Access) -> HttpResponse:
    """Look into shared folders, and ask for an adapter's folder or archive; a worker reads it."""
    access.require(Role.EDITOR)
    endings = (*OF_ADAPTERS, *ARCHIVES)
    if request.method != "POST":
        look = look_at(request.GET.get("source", ""), request.GET.get("path", ""), endings)
        return _page(request, "import_from_shared", _form_for(access, look, request.GET.get("name", "")), look=look)
    form = SharedForm(access, request.POST)
    if form.is_valid() and (found := _begin(access, form)):
        return HttpResponseRedirect(_url(access, found))
    look = look_at(form.data.get("source_name", ""), form.data.get("path", ""), endings)
    return _page(request, "import_from_shared", form, look=look, status=422)


def _form_for(access: Access, look: Look | None, name: str) -> SharedForm | None:
    if look is None:
        return None
    suggested = name or name_from(look.path.rpartition("/")[2].partition(".")[0])
    return SharedForm(access, initial={"source_name": look.source, "path": look.path, "name": suggested})


def _begin(access: Access, form: HubForm | SharedForm, called: str = "") -> AdapterImport | None:
    """Queue the import, under a name like `called` when the person gave none; None when the form says what is wrong."""
    chosen = form.cleaned_data
    try:
        return import_adapter_from(
            access,
            name=chosen["name"] or name_from(called),
            base=chosen["base"],
            source=form.source(),
            notes=chosen["notes"],
        )
    except UserError as error:
        say_beside_field(form, error)
        return None


def _refused(field: str, sentence: str) -> HttpResponse:
    return HttpResponse(sentence, status=422, content_type="text/plain", headers={"X-Field": field})


def _url(access: Access, found: AdapterImport) -> str:
    return workspace_url(access.workspace.slug, "adapters:import", pk=found.pk)


def _page(
    request: HttpRequest,
    template: str,
    form: UploadForm | HubForm | SharedForm | None,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    context |= {"form": form, "sources": list(settings.IMPORT_SOURCES), "shown": SHOWN, "given": ""}
    return render(request, f"adapters/{template}.html", context, status=status)
