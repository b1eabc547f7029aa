"""The page of the workspace's token for the Hugging Face hub: members see whether there is one, an admin changes it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from finetune_app.accounts.access import Access
from finetune_app.accounts.forms import HubTokenForm
from finetune_app.accounts.hub_token import hub_token_of, is_readable
from finetune_app.accounts.services.set_hub_token import remove_hub_token, set_hub_token
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.web.links import workspace_url


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@workspace_view
def hub_token(request: HttpRequest, access: Access) -> HttpResponse:
    """Whether there is one, whose and since when; a POST sets it. Its text is on no page."""
    form = HubTokenForm()
    if request.method == "POST":
        form = HubTokenForm(request.POST)
        if form.is_valid():
            try:
                set_hub_token(access, token=form.cleaned_data["token"])
            except UserError as error:
                if not error.field:
                    raise
                form.add_error(error.field, error.message)
            else:
                messages.success(request, "The token is kept. It is not shown again.")
                return redirect(workspace_url(access.workspace.slug, "settings:hub_token"))
    token = hub_token_of(access.workspace)
    context = {"form": form, "token": token, "is_readable": token is not None and is_readable(token)}
    return render(request, "accounts/hub_token.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_view
def remove(request: HttpRequest, access: Access) -> HttpResponse:
    """Forget it."""
    if remove_hub_token(access):
        messages.success(request, "The token is forgotten. On the hub it works until it is deleted there.")
    return redirect(workspace_url(access.workspace.slug, "settings:hub_token"))
