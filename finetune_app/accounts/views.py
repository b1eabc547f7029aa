"""A person's own pages in a workspace: profile and API tokens."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from finetune_app.accounts.access import Access, get_token, tokens_of
from finetune_app.accounts.forms import NameForm, TokenForm, password_form
from finetune_app.accounts.services.change_profile import rename, set_password
from finetune_app.accounts.services.create_token import create_token
from finetune_app.accounts.services.revoke_token import revoke_token
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.web.links import workspace_url


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def profile(request: HttpRequest, access: Access) -> HttpResponse:
    """Name and password; a POST here changes the name."""
    form = NameForm(initial={"name": access.user.get_full_name()})
    if request.method == "POST":
        form = NameForm(request.POST)
        if form.is_valid():
            rename(access.user, form.cleaned_data["name"])
            messages.success(request, "Your name is saved.")
            return redirect(workspace_url(access.workspace.slug, "settings:profile"))
    context = {"name_form": form, "password_form": password_form(access.user)}
    return render(request, "accounts/profile.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters()
@require_POST
@workspace_view
def password(request: HttpRequest, access: Access) -> HttpResponse:
    """Set or change the password; this browser stays signed in, others do not."""
    form = password_form(access.user, request.POST)
    if not form.is_valid():
        names = NameForm(initial={"name": access.user.get_full_name()})
        return render(request, "accounts/profile.html", {"name_form": names, "password_form": form}, status=422)
    set_password(access.user, form.cleaned_data["new_password1"])
    update_session_auth_hash(request, access.user)
    messages.success(request, "Your password is saved. You can now sign in with it on any device.")
    return redirect(workspace_url(access.workspace.slug, "settings:profile"))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@workspace_view
def tokens(request: HttpRequest, access: Access) -> HttpResponse:
    """The list, and a form for a new one. The answer to that form is the only page that ever shows the token."""
    context = {"form": TokenForm(), "tokens": tokens_of(access), "api_root": request.build_absolute_uri("/api/v1")}
    if request.method != "POST":
        return render(request, "accounts/tokens.html", context)
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            made, text = create_token(access, name=form.cleaned_data["name"])
        except UserError as error:
            form.add_error(error.field, error.message)
        else:
            return render(request, "accounts/tokens.html", context | {"made": made, "text": text}, status=201)
    return render(request, "accounts/tokens.html", context | {"form": form}, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def revoke(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """GET asks, POST does it."""
    if request.method != "POST":
        return render(request, "accounts/revoke_token.html", {"token": get_token(access, pk)})
    token = revoke_token(access, pk)
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect(workspace_url(access.workspace.slug, "settings:tokens"))
