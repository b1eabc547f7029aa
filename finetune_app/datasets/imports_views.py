"""The page of an import: how far the worker is, why it was refused, and how to read the same files otherwise."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.datasets.forms import UploadForm
from finetune_app.datasets.how_to_read import KEYS, HowToRead
from finetune_app.datasets.imports_access import get_import
from finetune_app.datasets.models import DatasetImport, DatasetVersion
from finetune_app.datasets.services.import_uploads import give_up_import, import_again, import_uploads
from finetune_app.errors import UserError
from finetune_app.web.links import workspace_url


class ReadAgainForm(UploadForm):
    """How the rows of files that are already here are read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["name"], self.fields["file"]

    @classmethod
    def of(cls, found: DatasetImport) -> "ReadAgainForm":
        """The form as it was filled in for the try that was refused."""
        options = found.options
        columns = {f"column_{key}": options.get("columns", {}).get(key, "") for key in KEYS}
        chosen = {"form": options.get("form") or "", "leave_out_bad_rows": options.get("leave_out_bad_rows", False)}
        details = found.result.get("details") or [{}]
        return cls(initial=columns | chosen, keys=details[0].get("keys", []))

    def options(self) -> dict[str, Any]:
        """As the import keeps them, once the form is valid.

        Raises:
            UserError: `invalid_columns`.
        """
        return _options(self.how(), leave_out=self.cleaned_data["leave_out_bad_rows"])


class ImportForm(UploadForm):
    """Name, uploads that are complete, and how their rows are read."""

    uploads = forms.CharField(help_text="Ids, with blanks between.", widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["file"]

    def clean_uploads(self) -> list[UUID]:
        """The ids."""
        try:
            return [UUID(text) for text in self.cleaned_data["uploads"].split()]
        except ValueError:
            raise forms.ValidationError("These are no uploads. Send the files again.") from None


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
        options = _options(form.how(), leave_out=form.cleaned_data["leave_out_bad_rows"])
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
        return _arrived(request, access, found.version, is_new=found.result.get("is_new", True))
    template = "datasets/_import.html" if request.htmx else "datasets/import.html"
    return render(request, template, _context(found, ReadAgainForm.of(found)))


@require_POST
@workspace_view
def import_page_again(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Read the same files in another way."""
    found = get_import(access, pk)
    form = ReadAgainForm(request.POST)
    try:
        if form.is_valid():
            import_again(access, found, form.options())
            return HttpResponseRedirect(_url(access, found))
    except UserError as error:
        if error.field not in {*form.fields, "columns"}:
            raise
        form.add_error("form" if error.field == "columns" else error.field, error.message)
    return render(request, "datasets/import.html", _context(found, form), status=422)


@require_POST
@workspace_view
def import_give_up(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Forget the files."""
    found = get_import(access, pk)
    give_up_import(access, found)
    messages.info(request, f"The files for “{found.name}” were deleted; nothing was saved.")
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "datasets:list"))


def _arrived(request: WorkspaceRequest, access: Access, version: DatasetVersion, *, is_new: bool) -> HttpResponse:
    if request.htmx:
        said = f"{version} was saved." if is_new else f"These rows are already here as {version}; nothing was added."
        messages.success(request, said)
    url = workspace_url(access.workspace.slug, "datasets:version", name=version.dataset.name, number=version.number)
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)


def _context(found: DatasetImport, form: ReadAgainForm) -> dict[str, Any]:
    return {
        "found": found,
        "form": form,
        "files": found.source["files"],
        "bad_rows": [row for row in found.result.get("details", []) if row.get("reason")],
    }


def _options(how: HowToRead, *, leave_out: bool) -> dict[str, Any]:
    return {"form": how.form and how.form.value, "columns": how.columns, "leave_out_bad_rows": leave_out}


def _refused(field: str, sentence: str) -> HttpResponse:
    return HttpResponse(sentence, status=422, content_type="text/plain", headers={"X-Field": field})


def _url(access: Access, found: DatasetImport) -> str:
    return workspace_url(access.workspace.slug, "datasets:import", pk=found.pk)
