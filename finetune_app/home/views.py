"""The first page: where a person lands, and the home page of a workspace."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseStopPolling

from finetune_app.accounts.access import Access, first_workspace
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.home.overview import overview_of
from finetune_app.web.links import workspace_url


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """To the person's first workspace, or to the sign-in page.

    Raises:
        UserError: `no_workspace`, status 403.
    """
    if not request.user.is_authenticated:
        return redirect("accounts:sign_in")
    workspace = first_workspace(request.user)
    if workspace is None:
        raise UserError("no_workspace", "You are a member of no workspace yet. Ask an admin to add you.", status=403)
    return redirect(workspace_url(workspace.slug, "home:home"))


@require_safe
@workspace_view
def home(request: HttpRequest, access: Access) -> HttpResponse:
    """What runs, waits, failed and was made, and the next step. The part that polls is answered 286 to stop it."""
    overview = overview_of(access)
    if not request.headers.get("HX-Request"):
        return render(request, "home/home.html", {"overview": overview})
    part = render(request, "home/home.html#live", {"overview": overview})
    return part if overview.is_live else HttpResponseStopPolling(part.content)
