"""The page Settings → Storage: what lies there, which versions stay, what would go, and the button that deletes it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from adapters.models import RegistryTask
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import InvalidFields
from finetune_app.housekeeping.amounts import TidyLook
from finetune_app.housekeeping.forms import RuleForm
from finetune_app.housekeeping.kinds import KIND_TITLES
from finetune_app.housekeeping.retention import STAY_TITLES
from finetune_app.housekeeping.services.apply_retention import rule_of
from finetune_app.housekeeping.services.request_tidying import newest_tidying, request_look, request_run
from finetune_app.housekeeping.services.set_rule import set_rule
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, varied

SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def storage(request: HttpRequest, access: Access) -> HttpResponse:
    """All of it; a POST changes the rule."""
    rule = rule_of(access.workspace)
    form = RuleForm(initial={"keep_last": rule.keep_last, "keep_days": rule.keep_days, "is_on": rule.is_on})
    if request.method == "POST":
        access.require(Role.ADMIN)
        form = RuleForm(request.POST)
        if form.is_valid() and _is_saved(access, form):
            messages.success(request, "The rule is saved. Look again to see what it lets go.")
            return HttpResponseRedirect(_page(access))
    context = {"form": form, "rule": rule, **_looks(access)}
    return render(request, "housekeeping/storage.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_view
def look(_request: HttpRequest, access: Access) -> HttpResponse:
    """Ask for a dry run."""
    request_look(access)
    return HttpResponseRedirect(_page(access))


@require_POST
@workspace_view
def run(_request: HttpRequest, access: Access) -> HttpResponse:
    """Ask for a run that deletes."""
    request_run(access)
    return HttpResponseRedirect(_page(access))


@require_safe
@workspace_view
def progress(request: HttpRequest, access: Access) -> HttpResponse:
    """How far the open task is; when none is open any more, the page."""
    task = _open_task(access)
    if task is None:
        return lead_to(request, _page(access))
    return varied(render(request, "housekeeping/_progress.html", {"open_task": task}))


def _is_saved(access: Access, form: RuleForm) -> bool:
    try:
        set_rule(access, **form.cleaned_data)
    except InvalidFields as error:
        for field, message in error.errors.items():
            form.add_error(field, message)
        return False
    return True


def _open_task(access: Access) -> RegistryTask | None:
    newest = [newest_tidying(access.workspace, carry_out=carry_out)[0] for carry_out in (True, False)]
    return next((task for task in newest if task is not None and task.is_open), None)


def _looks(access: Access) -> dict[str, Any]:
    """The newest dry run and the newest run, and what the page shows of them."""
    newest_look, good_look = newest_tidying(access.workspace, carry_out=False)
    newest_run, good_run = newest_tidying(access.workspace, carry_out=True)
    newest = max((task for task in (newest_look, newest_run) if task), key=lambda task: task.pk, default=None)
    known = max((task for task in (good_look, good_run) if task), key=lambda task: task.pk, default=None)
    # What a run before or after a dry run found is not what would go now.
    would_go = TidyLook.model_validate(good_look.result) if good_look and good_look == known else None
    storage_look = TidyLook.model_validate(known.result).storage if known else None
    retention = would_go.retention if would_go else None
    return {
        "open_task": _open_task(access),
        "failed": newest if newest and newest.error_code else None,
        "storage": storage_look,
        "kinds": [(KIND_TITLES[kind], amount) for kind, amount in storage_look.kinds.items()] if storage_look else [],
        "look": would_go,
        "going": retention.versions[:SHOWN] if retention else [],
        "staying": [(STAY_TITLES[stay], count) for stay, count in retention.staying.items()] if retention else [],
        "stays": [(one.version, STAY_TITLES[one.reason]) for one in retention.stays[:SHOWN]] if retention else [],
        "last_run": TidyLook.model_validate(good_run.result) if good_run else None,
    }


def _page(access: Access) -> str:
    return workspace_url(access.workspace.slug, "housekeeping:storage")
