"""The decorator of every page of a workspace: signed in, a member, and the view gets the `Access`."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from finetune_app.accounts.access import Access, workspace_access
from finetune_app.accounts.models import User


class WorkspaceRequest(HttpRequest):
    """A request on a page of a workspace, as `workspace_view` leaves it."""

    htmx: HtmxDetails
    workspace_access: Access


def workspace_view(view: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `view(request, access, **kwargs)`, sync or async; the URL's `workspace` becomes `access`.

    Someone who is not signed in is sent to the sign-in page and comes back afterwards. Someone who is no member gets
    the same 404 as for a workspace that does not exist.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def async_page(request: HttpRequest, *, workspace: str, **kwargs: Any) -> HttpResponseBase:
            access = await sync_to_async(_enter)(request, await request.auser(), workspace)
            if access is None:
                return _sign_in_first(request)
            return cast("HttpResponseBase", await view(request, access, **kwargs))

        return async_page

    @wraps(view)
    def page(request: HttpRequest, *, workspace: str, **kwargs: Any) -> HttpResponseBase:
        access = _enter(request, request.user, workspace)
        if access is None:
            return _sign_in_first(request)
        return cast("HttpResponseBase", view(request, access, **kwargs))

    return page


def _enter(request: HttpRequest, user: User | AnonymousUser, workspace: str) -> Access | None:
    """The access, noted on the request for the templates; None when nobody is signed in."""
    if not user.is_authenticated:
        return None
    access = workspace_access(user, workspace)
    request.user = access.user  # loaded, so that an async view's template does not ask the database for it
    cast("WorkspaceRequest", request).workspace_access = access
    return access


def _sign_in_first(request: HttpRequest) -> HttpResponseBase:
    response = redirect_to_login(request.get_full_path())
    if getattr(request, "htmx", False):
        # A part of a page that polls must not receive the sign-in page in its place: the whole page goes there.
        page = redirect_to_login(request.htmx.current_url_abs_path or "/")  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(page["Location"])
    return response
