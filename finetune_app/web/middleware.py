"""Middleware of all pages, sync and async: user errors become pages, and browsers are told what a page may load."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from finetune_app.errors import UserError
from finetune_app.web.error_pages import user_error_page

Handler = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

# data: images are in Tabler's stylesheet, for the marks in its form controls.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class _Middleware:
    """Passes the request on, in the mode of what comes next."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._later(request)
        return self.finish(cast("HttpResponseBase", self.get_response(request)))

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        return self.finish(await cast("Awaitable[HttpResponseBase]", self.get_response(request)))

    def finish(self, response: HttpResponseBase) -> HttpResponseBase:
        """What is done to every response."""
        return response


class UserErrorMiddleware(_Middleware):
    """A `UserError` that no view caught becomes a page with its status and its sentence."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Called by Django for an exception of a view, in the view's thread; anything else stays a logged 500."""
        if isinstance(exception, UserError):
            return user_error_page(request, exception)
        return None


class ContentSecurityPolicyMiddleware(_Middleware):
    """Scripts, styles and connections come from Graft alone; nothing inline, no other site, no frames."""

    def finish(self, response: HttpResponseBase) -> HttpResponseBase:
        """Add the header, unless the view has set its own."""
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response
