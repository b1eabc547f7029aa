"""The pages that import from elsewhere: from the Hugging Face hub, and from shared folders, with a look into them."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.datasets.form_guide import FORM_GUIDES
from finetune_app.datasets.forms import NamedForm, given_name, say_beside_field
from finetune_app.datasets.import_forms import HubForm, SharedForm
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.import_from import import_from
from finetune_app.datasets.shared_places import SharedFile, SharedFolder, address_of, find_file, look_into
from finetune_app.errors import UserError
from finetune_app.names import name_from
from finetune_app.web.links import workspace_url

SHOWN = 500  # files and folders of a folder


@dataclass(frozen=True)
class Look:
    """What lies at a path of a shared folder: a folder, or one file; or why nobody can say."""

    source: str
    path: str
    folder: SharedFolder | None = None
    file: SharedFile | None = None
    problem: str = ""

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The way to it: the name of each folder and its path."""
        parts = self.path.split("/") if self.path else []
        return [(part, "/".join(parts[: number + 1])) for number, part in enumerate(parts)]

    @property
    def folders(self) -> list[tuple[str, str]]:
        """The name of each folder in it and its path."""
        found = self.folder.folders[:SHOWN] if self.folder else []
        return [(path.rpartition("/")[2], path) for path in found]

    @property
    def files(self) -> list[SharedFile]:
        """The files in it that are shown."""
        return self.folder.files[:SHOWN] if self.folder else []


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
        look = _look(request.GET.get("source", ""), request.GET.get("path", "").strip("/"))
        name = request.GET.get("name") or _suggested(look)
        form = SharedForm(initial={"source_name": look.source, "path": look.path, "name": name}) if look else None
        return _page(request, "new_from_shared", form, look=look)
    form = SharedForm(request.POST)
    if form.is_valid() and (found := _begin(access, form)):
        return _to_import(access, found)
    look = _look(form.data.get("source_name", ""), form.data.get("path", "").strip("/"))
    return _page(request, "new_from_shared", form, look=look, status=422)


def _look(source: str, path: str) -> Look | None:
    """What is there; None when no folder is shared."""
    if not settings.IMPORT_SOURCES:
        return None
    source = source or next(iter(settings.IMPORT_SOURCES))
    try:
        address = address_of(settings.IMPORT_SOURCES, source)
        file = find_file(address, path)
        return Look(source, path, file=file, folder=None if file else look_into(address, path))
    except UserError as error:
        return Look(source, path, problem=error.message)


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
