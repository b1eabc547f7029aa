"""Pages of which htmx asks for a part by the same address."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


def render_page_or_part(
    request: HttpRequest, page: str, part: str, context: dict[str, object], *, status: int = 200
) -> HttpResponse:
    """The whole page, or only what changes on it when htmx asks."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    wants_part = bool(htmx) and not htmx.history_restore_request
    response = render(request, part if wants_part else page, context, status=status)
    patch_vary_headers(response, ["HX-Request"])  # the browser must not show a part for the page
    return response
