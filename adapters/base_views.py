"""The base model pages: the list, a base model with its revisions, one revision."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from adapters.access import base_models_of, base_revisions_of, get_base_model, get_base_revision, versions_of
from adapters.base_imports_access import base_imports_to_show
from adapters.base_texts import CODE_SUFFIX
from adapters.listing import base_rows, version_rows, with_lineage
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view

PER_PAGE = 25


@workspace_view
def base_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Every base model by its newest revision."""
    page = Paginator(base_models_of(access), PER_PAGE).get_page(request.GET.get("page"))
    register = f"manage.py register_base NAME FOLDER --workspace {access.workspace.slug}"
    context = {
        "page": page,
        "rows": base_rows(page),
        "register": register,
        "imports": base_imports_to_show(access),
    }
    return render(request, "bases/list.html", context)


@workspace_view
def base_detail(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """A base model and its revisions."""
    base_model = get_base_model(access, name)
    revisions = base_revisions_of(access).filter(base_model=base_model)
    page = Paginator(revisions, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "bases/detail.html", {"base_model": base_model, "page": page})


@workspace_view
def revision_detail(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """One revision: its digests, its files, and the adapters that were made on it."""
    revision = get_base_revision(access, name, number)
    versions = with_lineage(versions_of(revision))
    page = Paginator(versions, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "revision": revision,
        "base_model": revision.base_model,
        "size": sum(file["size"] for file in revision.files),
        "code": [file["path"] for file in revision.files if file["path"].endswith(CODE_SUFFIX)],
        "page": page,
        "rows": version_rows(page, with_marks=True),
    }
    return render(request, "bases/revision.html", context)
