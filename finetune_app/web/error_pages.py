"""Pages for what went wrong, in the look of all others; under /api/ the same as JSON with a stable code."""

import logging
from dataclasses import dataclass

from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from finetune_app.errors import UserError

log = logging.getLogger(__name__)

TITLES = {
    400: "That request made no sense",
    403: "You may not do that",
    404: "There is nothing here",
    409: "That cannot be done now",
    410: "That is not here any more",
    413: "That file is too large",
    422: "That will not do",
    500: "Graft made a mistake",
}
BARE_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Graft made a mistake</title></head><body>'
    "<h1>Graft made a mistake</h1><p>It has been logged. Try again; nothing that you saved before is lost.</p>"
    '<p><a href="/">Home</a></p></body></html>'
)


@dataclass(frozen=True)
class Problem:
    """What the page says; `code` is the one that REST answers with."""

    status: int
    code: str
    text: str

    @property
    def title(self) -> str:
        """The heading."""
        return TITLES.get(self.status, TITLES[422])


def user_error_page(request: HttpRequest, error: UserError) -> HttpResponse:
    """The page for a `UserError` that belongs to no form; for htmx an alert that is put on top of the page."""
    problem = Problem(error.status, error.code, error.message)
    if getattr(request, "htmx", False) and not _is_api(request):
        html = render_to_string("components/problem.html", {"title": problem.title, "text": problem.text})
        headers = {"HX-Retarget": "#messages", "HX-Reswap": "innerHTML"}
        return HttpResponse(html, status=problem.status, headers=headers)
    return _answer(request, problem)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """No such address."""
    text = "This address leads nowhere. It may be mistyped or out of date."
    answer = _answer(request, Problem(404, "not_found", text))
    if isinstance(request, ASGIRequest):
        # An address that resolves to nothing is answered in a thread of its own, whose connection nobody else closes.
        connection.close()
    return answer


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Refused by Django itself; a role that does not suffice is a `UserError`."""
    return _answer(request, Problem(403, "not_allowed", "You are not allowed to open this page."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token, most often from a page that was open while the person signed in or out elsewhere."""
    log.warning("CSRF check failed: %s", reason)
    text = "The form was too old to be trusted. Go back, load the page again and send it once more."
    return _answer(request, Problem(403, "csrf_failed", text))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Refused by Django itself, e.g. an unknown host name."""
    return _answer(request, Problem(400, "bad_request", "Graft could not make sense of this request."))


def server_error(request: HttpRequest) -> HttpResponse:
    """A defect of Graft. Needs neither the database nor the session, which may be what is broken."""
    problem = Problem(500, "internal_error", "It has been logged. Try again; nothing that you saved before is lost.")
    if _is_api(request):
        return _json(problem)
    try:
        html: str = render_to_string("error.html", {"problem": problem})
    except Exception:  # whatever broke the page may break this one too, and the person must still be told
        log.exception("The error page itself failed")
        html = BARE_PAGE
    return HttpResponse(html, status=500)


def _answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    if _is_api(request):
        return _json(problem)
    return HttpResponse(render_to_string("error.html", {"problem": problem}, request), status=problem.status)


def _json(problem: Problem) -> JsonResponse:
    return JsonResponse({"code": problem.code, "message": problem.text}, status=problem.status)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
