"""The dataset pages: list, upload, a dataset with its versions, one version."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.datasets.access import get_dataset, get_version, newest_versions_of, versions_of
from finetune_app.datasets.checking import BAD_ROWS_SHOWN
from finetune_app.datasets.form_guide import FORM_GUIDES, guide_for
from finetune_app.datasets.forms import UploadForm, given_name
from finetune_app.datasets.import_source import sources_in
from finetune_app.datasets.imports_access import imports_to_show
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.origin import origin_of
from finetune_app.datasets.services.upload_dataset import upload_dataset, upload_limit_error
from finetune_app.datasets.version_page import page_of, say_kept, version_url
from finetune_app.errors import UserError
from finetune_app.imports.forms import say_beside_field
from finetune_app.web.body_limit import was_too_large

PER_PAGE = 50


@workspace_view
def dataset_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Every dataset by its newest version."""
    page = Paginator(newest_versions_of(access), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "guides": FORM_GUIDES, "imports": imports_to_show(access)}
    return render(request, "datasets/list.html", context)


@workspace_view
def dataset_new(request: HttpRequest, access: Access) -> HttpResponse:
    """The upload form; a refused file is explained beside it, and nothing was saved."""
    access.require(Role.EDITOR)
    if request.method != "POST":
        return _upload_page(request, UploadForm(initial={"name": request.GET.get("name", "")}))
    form = UploadForm(request.POST, request.FILES)
    try:
        if was_too_large(request):
            raise upload_limit_error()
        if not form.is_valid():
            return _upload_page(request, form, status=422)
        version, is_new = upload_dataset(
            access,
            name=form.cleaned_data["name"],
            file=form.cleaned_data["file"],
            leave_out_bad_rows=form.cleaned_data["leave_out_bad_rows"],
            how=form.how(),
        )
    except UserError as error:
        return _refused(request, form, error)
    return _uploaded(request, version, is_new=is_new)


@workspace_view
def dataset_detail(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """A dataset and its versions."""
    dataset = get_dataset(access, name)
    page = Paginator(versions_of(dataset).defer("first_rows"), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "datasets/detail.html", {"dataset": dataset, "page": page, "guides": FORM_GUIDES})


@workspace_view
def dataset_version(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """One version: what was recognised, the counts, the first rows, and the rows left out."""
    version = get_version(access, name, number)
    context = {
        **page_of(version, "overview"),
        "guide": guide_for(version.row_form),
        "origin": origin_of(version),
        "sources": sources_in(version.origin),
        "bad_count": len(version.bad_rows),
        "bad_rows": version.bad_rows[:BAD_ROWS_SHOWN],
        "is_cut": any(row["cut"] for row in version.first_rows),
    }
    return render(request, "datasets/version.html", context)


def _upload_page(request: HttpRequest, form: UploadForm, *, status: int = 200, **context: Any) -> HttpResponse:
    context |= {"form": form, "guides": FORM_GUIDES, "given": given_name(request)}
    return render(request, "datasets/new.html", context, status=status)


def _refused(request: HttpRequest, form: UploadForm, error: UserError) -> HttpResponse:
    if was_too_large(request):
        form.is_valid()
        form.errors.pop("file", None)  # “Choose a file”: the body ended before it
    say_beside_field(form, error)
    form.keys = error.details[0].get("keys", []) if error.details else []
    return _upload_page(request, form, status=error.status, bad_rows=error.details)


def _uploaded(request: HttpRequest, version: DatasetVersion, *, is_new: bool) -> HttpResponse:
    say_kept(request, version, is_new=is_new)
    url = version_url(version)
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        # The page's script shows the progress; it would follow a redirect by itself and use up the message above.
        return HttpResponse(status=201, headers={"Location": url})
    return HttpResponseRedirect(url)
