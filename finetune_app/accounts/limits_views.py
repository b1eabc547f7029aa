"""The page of a workspace's limits: every member may look, an admin changes them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from finetune_app.accounts.access import Access
from finetune_app.accounts.forms import LimitsForm
from finetune_app.accounts.services.set_limits import set_limits
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.web.links import workspace_url


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def limits(request: HttpRequest, access: Access) -> HttpResponse:
    """How many jobs run at a time at most; a POST changes it."""
    form = LimitsForm(initial={"max_running_jobs": access.workspace.max_running_jobs})
    if request.method == "POST":
        form = LimitsForm(request.POST)
        if form.is_valid():
            set_limits(access, max_running_jobs=form.cleaned_data["max_running_jobs"])
            messages.success(request, "The limit is saved.")
            return redirect(workspace_url(access.workspace.slug, "settings:limits"))
    return render(request, "accounts/limits.html", {"form": form}, status=422 if form.errors else 200)
