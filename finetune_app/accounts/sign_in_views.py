"""Signing in and out."""

from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from finetune_app.accounts.services.sign_in_link import owner_of_link, use_sign_in_link
from finetune_app.errors import UserError

BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignIn(LoginView):
    """User name and password; the page also says what to do without a password."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """The page again, with what was wrong."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


@require_GET  # a HEAD request, as link previews send it, must not use the link up
@never_cache
def sign_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in with a link that works once. Who is signed in as its user already just goes on."""
    if request.user.is_authenticated and request.user.pk == owner_of_link(token):
        return redirect("landing")
    try:
        user = use_sign_in_link(token)
    except UserError as error:
        return render(request, "accounts/link_refused.html", {"error": error}, status=error.status)
    login(request, user, backend=BACKEND)
    return redirect("landing")
