"""The base model pages: the list, a base model with its revisions, one revision."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from adapters.access import adapter_versions_of, base_models_of, base_revisions_of, get_base_model, get_base_revision
from adapters.listing import base_rows, version_rows, with_lineage
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view

PER_PAGE = 50


@workspace_view
def base_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Every base model by its newest revision."""
    page = Paginator(base_models_of(access), PER_PAGE).get_page(request.GET.get("page"))
    register = f"manage.py register_base NAME FOLDER --workspace {access.workspace.slug}"
    return render(request, "bases/list.html", {"page": page, "rows": base_rows(page), "register": register})


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
    versions = with_lineage(adapter_versions_of(access).filter(base_revision=revision))
    page = Paginator(versions, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "revision": revision,
        "base_model": revision.base_model,
        "size": sum(file["size"] for file in revision.files),
        "page": page,
        "rows": version_rows(page),
    }
    return render(request, "bases/revision.html", context)
