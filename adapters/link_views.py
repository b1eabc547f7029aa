"""Links for people without a token: the page that makes one, and the address that it leads to."""

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from adapters.access import get_adapter_version
from adapters.downloads import archive_content, file_content
from adapters.link_forms import LinkForm
from adapters.models import AdapterVersion
from adapters.services.make_link import make_link, open_link, revoke_links
from adapters.signed_links import DownloadLink, link_not_found
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.web.links import workspace_url
from finetune_app.web.ranged import ASK_AGAIN, ranged_response


def link_address(request: HttpRequest, link: DownloadLink, version: AdapterVersion) -> str:
    """The whole address of the link."""
    parts = {"signed": link.to_text(), "name": link.file_name(version)}
    return request.build_absolute_uri(reverse("download_link", kwargs=parts))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@workspace_view
def new_link(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """The form; the answer to it is the only page that shows the link."""
    access.require(Role.EDITOR)
    version = get_adapter_version(access, name, number)
    form = LinkForm(version, request.POST if request.method == "POST" else None)
    context = {"version": version, "adapter": version.adapter, "form": form}
    if request.method == "POST" and form.is_valid():
        link = make_link(access, version, **form.chosen())  # type: ignore[arg-type]
        made = {"address": link_address(request, link, version), "expires_at": link.expires_at}
        return render(request, "adapters/link.html", context | made, status=201)
    return render(request, "adapters/link.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_view
def revoke(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """Take back every link of the workspace, and return to the form."""
    version = get_adapter_version(access, name, number)
    revoke_links(access)
    messages.success(request, "No link that was made in this workspace until now works any more.")
    return redirect(workspace_url(access.workspace.slug, "adapters:link", name=name, number=version.number))


@require_safe
async def follow_link(request: HttpRequest, signed: str, name: str) -> HttpResponseBase:
    """What the link gives, for whoever has it."""
    link, version = await sync_to_async(open_link)(signed)
    if name != link.file_name(version):
        raise link_not_found()  # nobody may give it another name than it has
    if link.p:
        content = file_content(version, link.p)
    else:
        content = await sync_to_async(archive_content)(version, link.f)
    response = ranged_response(request, content, cache=ASK_AGAIN)
    response["X-Robots-Tag"] = "noindex"
    return response
