"""The adapter pages: the list, an adapter with its versions, and one version."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.vary import vary_on_headers

from adapters.access import adapters_of, get_adapter, get_adapter_version, versions_of
from adapters.adapter_imports_access import adapter_imports_to_show
from adapters.alias_page import alias_card
from adapters.downloads import archive_name, listed_files
from adapters.listing import adapter_rows, last_made_first, version_rows, with_lineage
from adapters.manifest import Manifest
from adapters.models import AdapterVersion
from adapters.option_lines import option_lines
from adapters.scores import score_lines
from adapters.services.register_version import TOKENIZER_FILES
from adapters.snippets import fetch_ways, load_snippet
from adapters.states import VersionStatus
from adapters.version_page import standing_of
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view

PER_PAGE = 25


@vary_on_headers("HX-Request")
@workspace_view
def adapter_list(request: WorkspaceRequest, access: Access) -> HttpResponse:
    """Every adapter by its newest version; typing in the filter box brings the table alone."""
    wanted = request.GET.get("q", "").strip()
    found = last_made_first(adapters_of(access).filter(name__icontains=wanted))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": adapter_rows(page), "wanted": wanted, "imports": adapter_imports_to_show(access)}
    template = "adapters/list.html#table" if request.htmx else "adapters/list.html"
    return render(request, template, context)


@workspace_view
def adapter_detail(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """An adapter, its aliases and its versions; retired ones only when asked for."""
    adapter = get_adapter(access, name)
    versions = with_lineage(versions_of(adapter))
    shows_all = "all" in request.GET
    if not shows_all:
        versions = versions.exclude(status=VersionStatus.RETIRED)
    page = Paginator(versions, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "adapter": adapter,
        "page": page,
        "rows": version_rows(page, with_marks=True),
        "card": alias_card(adapter),
        "shows_all": shows_all,
        "retired": adapter.versions.filter(status=VersionStatus.RETIRED).count(),
    }
    return render(request, "adapters/detail.html", context)


@workspace_view
def version_detail(request: WorkspaceRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """One version: how to get it and use it, its scores, its files, its base and its lineage."""
    version = get_adapter_version(access, name, number)
    return render(request, "adapters/version.html", _version_context(request, version))


def _version_context(request: WorkspaceRequest, version: AdapterVersion) -> dict[str, Any]:
    manifest = Manifest.model_validate(version.manifest)
    lineage = manifest.lineage
    address = reverse("api:adapter_download", kwargs={"name": manifest.adapter, "number": manifest.version})
    has_tokenizer = any(file.path in TOKENIZER_FILES for file in manifest.files)
    return {
        **standing_of(version),
        "version": version,
        "adapter": version.adapter,
        "manifest": manifest,
        "base": manifest.base,
        "lineage": lineage,
        "scores": score_lines(lineage.scores),
        "scored_rows": (lineage.scores or {}).get("rows"),
        "samples": (lineage.scores or {}).get("samples") or [],
        "config": option_lines(lineage.config),
        "facts": option_lines(lineage.facts),
        "libraries": sorted(lineage.libraries.items()),
        "files": listed_files(version),
        "archive_name": archive_name(version),
        "ways": fetch_ways(
            root=request.build_absolute_uri("/"),
            workspace=request.workspace_access.workspace.slug,
            adapter=manifest.adapter,
            version=manifest.version,
            folder=manifest.folder,
            url=request.build_absolute_uri(address),
            base=manifest.base.name,
            base_revision=manifest.base.revision,
        ),
        "load": load_snippet(manifest.base.name, manifest.folder, has_tokenizer=has_tokenizer),
    }
