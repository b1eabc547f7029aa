"""The waiting jobs on the page of jobs: how they change, and the buttons that change their order."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.priorities import Priority
from finetune_app.jobs.queue_page import queue_page
from finetune_app.jobs.services.reorder_queue import MOVES, move_in_queue, set_priority
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import varied, wants_part


@workspace_view
@require_safe
def queue(request: HttpRequest, access: Access) -> HttpResponse:
    """The part of the page that shows the queue; nothing while it is what `?seen=` stands for."""
    page = queue_page(access.workspace, shows_all=_shows_all(request))
    if request.GET.get("seen") == page.seen:
        return HttpResponse(status=204)
    return render(request, "jobs/_queue.html", {"queue": page})


@workspace_view
@require_POST
def move(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """Let a waiting job start sooner or later; what happened to it meanwhile shows in the queue."""
    to = next((move for move in MOVES if move == request.POST.get("to")), None)
    if to is None:
        raise UserError("bad_move", "A job moves first, up or down.", field="to")
    return _changed(request, access, lambda: move_in_queue(access, number, to))


@workspace_view
@require_POST
def priority(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """Give a waiting job another priority."""
    try:
        wanted = Priority(request.POST.get("priority", ""))
    except ValueError:
        raise UserError("bad_priority", "A priority is low, normal or high.", field="priority") from None
    return _changed(request, access, lambda: set_priority(access, number, wanted))


def _changed(request: HttpRequest, access: Access, change: Callable[[], Job]) -> HttpResponse:
    """Do it and show the queue; a job that began meanwhile is just not there any more."""
    try:
        change()
    except UserError as error:
        if error.code != "not_queued":
            raise
    if not wants_part(request):
        return redirect(workspace_url(access.workspace.slug, "jobs:list"))
    page = queue_page(access.workspace, shows_all=_shows_all(request))
    return varied(render(request, "jobs/_queue.html", {"queue": page}))


def _shows_all(request: HttpRequest) -> bool:
    return "all" in request.GET
