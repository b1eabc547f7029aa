"""Pages of which htmx asks for a part by the same address."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks for what changes on the page; when it restores its history it needs all of it."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def varied(response: HttpResponse) -> HttpResponse:
    """The response, never to be shown for the page when it is a part of it, nor the other way round."""
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    return response


def render_page_or_part(
    request: HttpRequest, page: str, part: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """The whole page, or only what changes on it when htmx asks."""
    return varied(render(request, part if wants_part(request) else page, dict(context), status=status))


def lead_to(request: HttpRequest, url: str) -> HttpResponse:
    """To another page, also when htmx asked for a part of this one."""
    return varied(HttpResponseClientRedirect(url) if wants_part(request) else HttpResponseRedirect(url))
