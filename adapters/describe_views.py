"""What people say of a version, from its page: tags, notes, that they looked at it, out of use and back into it.

Each is a form of its own and leads back to where it stood.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from adapters.access import get_adapter_version
from adapters.models import AdapterVersion
from adapters.services.describe_version import add_tag, dismiss_flag, remove_tag, set_notes
from adapters.services.retire_version import restore_version, retire_version
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.web.links import workspace_url


@workspace_view
@require_POST
def tag(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """Put the tag on the version, or take it away."""
    given = request.POST.get("tag", "")
    act = remove_tag if "remove" in request.POST else add_tag
    return _done(request, access, name, number, lambda version: act(access, version, given), place="tags")


@workspace_view
@require_POST
def notes(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """Replace the notes."""
    text = request.POST.get("notes", "")
    return _done(request, access, name, number, lambda version: set_notes(access, version, text), place="notes")


@workspace_view
@require_POST
def looked(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """Somebody looked at the version because of what its flag said."""
    seen = request.POST.get("flag", "")
    return _done(request, access, name, number, lambda version: dismiss_flag(access, version, seen))


@workspace_view
@require_POST
def retire(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """Take the version out of use."""
    reason = request.POST.get("reason", "")
    return _done(request, access, name, number, lambda version: retire_version(access, version, reason=reason))


@workspace_view
@require_POST
def restore(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """Take the version back into use."""
    return _done(request, access, name, number, lambda version: restore_version(access, version))


def _done(
    request: HttpRequest,
    access: Access,
    name: str,
    number: int | str,
    act: Callable[[AdapterVersion], object],
    *,
    place: str = "",
) -> HttpResponse:
    """Show the version after `act`, at this place of its page, with what spoke against it."""
    access.require(Role.EDITOR)
    version = get_adapter_version(access, name, number)
    try:
        act(version)
    except UserError as error:
        if error.status in {403, 404}:
            raise
        messages.error(request, error.message)
    url = workspace_url(access.workspace.slug, "adapters:version", name=name, number=version.number)
    return HttpResponseRedirect(f"{url}#{place}" if place else url)
