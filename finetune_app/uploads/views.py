"""The addresses of the tus protocol: under a workspace's pages by session, and under REST by token."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from finetune_app.accounts.access import Access
from finetune_app.accounts.token_auth import TokenAuth, not_authenticated
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.uploads import tus

View = Callable[..., HttpResponse]


def _speaks_tus(view: View) -> View:
    """Errors as the protocol wants them: a status, a stable code and a sentence."""

    @wraps(view)
    def operation(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except UserError as error:
            return tus.refuse(error)

    return operation


def _collection(request: HttpRequest, access: Access) -> HttpResponse:
    if request.method == "OPTIONS":
        return tus.describe()
    if request.method == "POST":
        return tus.create(request, access)
    return HttpResponseNotAllowed(["OPTIONS", "POST"])


def _one(request: HttpRequest, access: Access, pk: UUID) -> HttpResponse:
    if request.method == "OPTIONS":
        return tus.describe()
    if request.method in {"HEAD", "PATCH", "DELETE"}:
        return tus.operate(request, access, pk)
    return HttpResponseNotAllowed(["OPTIONS", "HEAD", "PATCH", "DELETE"])


def _by_token(view: View) -> View:
    """The caller is who the bearer token stands for; no cookie counts, so no CSRF token is needed."""

    @csrf_exempt
    @_speaks_tus
    def operation(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        access = TokenAuth()(request)
        if access is None:
            response = tus.refuse(not_authenticated())
            response["WWW-Authenticate"] = "Bearer"
            return response
        return view(request, access, **kwargs)

    return operation


page_collection = workspace_view(_speaks_tus(_collection))
page_upload = workspace_view(_speaks_tus(_one))
rest_collection = _by_token(_collection)
rest_upload = _by_token(_one)
