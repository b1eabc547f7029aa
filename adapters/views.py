"""The adapter pages: the list, an adapter with its versions, one version, and its downloads."""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from adapters.access import adapter_versions_of, adapters_of, get_adapter, get_adapter_version
from adapters.downloads import archive_content, archive_name, file_content, listed_files
from adapters.listing import adapter_rows, last_made_first, version_rows, with_lineage
from adapters.manifest import Manifest
from adapters.models import AdapterVersion
from adapters.option_lines import option_lines
from adapters.scores import score_lines
from adapters.services.register_version import TOKENIZER_FILES
from adapters.snippets import fetch_snippet, load_snippet
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.web.ranged import ranged_response

PER_PAGE = 50


@vary_on_headers("HX-Request")
@workspace_view
def adapter_list(request: WorkspaceRequest, access: Access) -> HttpResponse:
    """Every adapter by its newest version; typing in the filter box brings the table alone."""
    wanted = request.GET.get("q", "").strip()
    found = last_made_first(adapters_of(access).filter(name__icontains=wanted))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": adapter_rows(page), "wanted": wanted}
    template = "adapters/list.html#table" if request.htmx else "adapters/list.html"
    return render(request, template, context)


@workspace_view
def adapter_detail(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """An adapter and its versions."""
    adapter = get_adapter(access, name)
    versions = with_lineage(adapter_versions_of(access).filter(adapter=adapter))
    page = Paginator(versions, PER_PAGE).get_page(request.GET.get("page"))
    context = {"adapter": adapter, "page": page, "rows": version_rows(page)}
    return render(request, "adapters/detail.html", context)


@workspace_view
def version_detail(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """One version: how to get it and use it, its scores, its files, its base and its lineage."""
    version = get_adapter_version(access, name, number)
    return render(request, "adapters/version.html", _version_context(request, version))


def _version_context(request: HttpRequest, version: AdapterVersion) -> dict[str, Any]:
    manifest = Manifest.model_validate(version.manifest)
    lineage = manifest.lineage
    address = reverse("api:adapter_download", kwargs={"name": manifest.adapter, "number": manifest.version})
    has_tokenizer = any(file.path in TOKENIZER_FILES for file in manifest.files)
    return {
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
        "fetch": fetch_snippet(request.build_absolute_uri(address), manifest.folder),
        "load": load_snippet(manifest.base.name, manifest.folder, has_tokenizer=has_tokenizer),
    }


@require_safe
@workspace_view
async def download(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponseBase:
    """The zip of a version."""
    version = await sync_to_async(get_adapter_version)(access, name, number)
    return ranged_response(request, archive_content(version))


@require_safe
@workspace_view
async def download_file(request: HttpRequest, access: Access, name: str, number: int, path: str) -> HttpResponseBase:
    """One file of a version."""
    version = await sync_to_async(get_adapter_version)(access, name, number)
    return ranged_response(request, file_content(version, path))
