"""The page of a base upgrade: what changed, what it touches, and the retraining that it asks for."""

from collections.abc import Sequence

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from adapters.access import get_base_revision
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.upgrades.plan import load_versions, plan_retraining
from finetune_app.upgrades.services.retrain_version import Asked, retrain_versions
from finetune_app.upgrades.upgrade import upgrade_to
from finetune_app.web.links import workspace_url

PER_PAGE = 50
TOUCHED_SHOWN = 20
PROBLEMS_SHOWN = 5


@workspace_view
def upgrade(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """The upgrade of a base model to one of its revisions."""
    found = upgrade_to(access, get_base_revision(access, name, number), limit=TOUCHED_SHOWN)
    page = Paginator(found.asked, PER_PAGE).get_page(request.GET.get("page"))
    rows = plan_retraining(access, found.revision, load_versions(access, page))
    context = {
        "upgrade": found,
        "revision": found.revision,
        "base_model": found.revision.base_model,
        "page": page,
        "rows": rows,
        "may_ask": any(row.may_ask for row in rows),
        "chosen": sum(row.is_chosen for row in rows),
    }
    return render(request, "upgrades/upgrade.html", context)


@workspace_view
@require_POST
def retrain(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """Queue the chosen versions again on this revision, and say on the page what came of it."""
    access.require(Role.EDITOR)
    revision = get_base_revision(access, name, number)
    try:
        _say(request, retrain_versions(access, revision, request.POST.getlist("version")))
    except UserError as error:
        messages.error(request, error.message)
    slug = access.workspace.slug
    return HttpResponseRedirect(workspace_url(slug, "upgrades:upgrade", name=name, number=number))


def _say(request: HttpRequest, asked: Sequence[Asked]) -> None:
    new = [item for item in asked if item.is_new]
    known = [item for item in asked if not item.is_new and item.problem is None]
    problems = [item.problem for item in asked if item.problem]
    if new:
        numbers = ", ".join(str(item.job.number) for item in new if item.job)
        what = "1 retraining: job" if len(new) == 1 else f"{len(new)} retrainings: jobs"
        messages.success(request, f"Queued {what} {numbers}.")
    if known:
        names = ", ".join(str(item.version) for item in known)
        messages.info(request, f"Asked for before, so nothing was queued again: {names}.")
    for problem in problems[:PROBLEMS_SHOWN]:
        messages.error(request, problem.message)
    if len(problems) > PROBLEMS_SHOWN:
        messages.error(request, f"{len(problems) - PROBLEMS_SHOWN} more could not be queued; their rows say why.")
