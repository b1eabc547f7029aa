"""The page “Findings” of a dataset version: what is doubtful about which rows, and a new version without them."""

import json
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.datasets.access import get_version
from finetune_app.datasets.findings import KINDS, CodeSummary, Finding, FindingCode, FindingKind, FindingsSummary
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.derive_version import derived_version
from finetune_app.datasets.services.drop_rows import drop_rows, sum_up
from finetune_app.datasets.services.look_at_findings import (
    done_findings_of,
    findings_of,
    read_findings,
    read_summary,
    request_findings,
)
from finetune_app.datasets.task_states import TaskKind
from finetune_app.datasets.version_page import page_of, say_already_here, version_url
from finetune_app.errors import UserError
from finetune_app.web.numbers import number_in
from finetune_app.web.parts import lead_to, render_page_or_part, varied, wants_part
from finetune_app.work.states import TaskState

FIRST_SHOWN, MORE_SHOWN = 3, 20
DROP = "drop"


@dataclass(frozen=True)
class CodeCard:
    """One code on the page: what it means, how much was found, and some of it; `next` is where more begins, or 0."""

    kind: FindingKind
    found: CodeSummary
    findings: list[Finding]
    next: int


@workspace_view
@require_safe
def version_findings(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """What was found, or how far the check is; htmx asks for the latter."""
    version = get_version(access, name, number)
    task = findings_of(version)
    if task is None or task.state != TaskState.SUCCEEDED:
        return _waiting(request, version, task)
    if wants_part(request):
        return HttpResponseClientRefresh()
    summary = read_summary(task)
    cards = [_card(task, summary, code, 0, FIRST_SHOWN) for code in KINDS if code in summary.codes]
    context = {
        **page_of(version, "findings"),
        "summary": summary,
        "cards": cards,
        "clean": [kind for code, kind in KINDS.items() if code not in summary.codes],
        "rows_found": summary.rows_with(frozenset(summary.codes)),
        "combinations": json.dumps(summary.combinations),
    }
    return render(request, "datasets/findings.html", context)


@workspace_view
@require_POST
def look_again(_request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """Ask for the check of a version that has none, or again after it failed."""
    version = get_version(access, name, number)
    request_findings(access, version)
    return HttpResponseRedirect(version_url(version, "findings"))


@workspace_view
@require_safe
def code_findings(request: HttpRequest, access: Access, name: str, number: int, code: str) -> HttpResponse:
    """More of one code; htmx adds it to the page, without it this is a page of its own."""
    version = get_version(access, name, number)
    if code not in set(FindingCode):
        raise Http404
    task = done_findings_of(version)
    summary = read_summary(task)
    known = FindingCode(code)
    if known not in summary.codes:
        return HttpResponseRedirect(version_url(version, "findings"))
    start = number_in(request.GET.get("offset", "")) or 0
    card = _card(task, summary, known, start, MORE_SHOWN)
    context = page_of(version, "findings", card=card)
    return render_page_or_part(request, "datasets/findings_code.html", "datasets/_finding_rows.html", context)


@workspace_view
def drop(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """GET shows the sum for the choice in the address, POST asks for the new version."""
    access.require(Role.EDITOR)
    version = get_version(access, name, number)
    given = request.POST if request.method == "POST" else request.GET
    codes = [code for code in FindingCode if given.get(code.value) == DROP]
    try:
        if request.method == "POST":
            made, _ = drop_rows(access, version, codes)
            return HttpResponseRedirect(version_url(version, "findings-making", task_id=made.pk))
        total = sum_up(read_summary(done_findings_of(version)), codes)
    except UserError as error:
        if error.field != "codes":
            raise
        messages.error(request, error.message)
        return HttpResponseRedirect(version_url(version, "findings"))
    reasons = [(KINDS[code], rows) for code, rows in total.reasons.items()]
    return render(
        request, "datasets/findings_drop.html", {**page_of(version, "findings"), "total": total, "reasons": reasons}
    )


@workspace_view
@require_safe
def making(request: HttpRequest, access: Access, name: str, number: int, task_id: int) -> HttpResponse:
    """How far the new version is; leads to it when it is there."""
    version = get_version(access, name, number)
    task: DatasetTask = get_object_or_404(version.tasks, pk=task_id, kind=TaskKind.DERIVE)
    if task.state == TaskState.SUCCEEDED:
        return _lead_on(request, version, task)
    context = {
        **page_of(version, "findings"),
        "task": task,
        "url": request.path,
        "title": "Making the new version",
        "reasons": [code for code in _reasons(task) if code in set(FindingCode)],
    }
    if wants_part(request):
        return render(request, "datasets/_task.html", context) if task.is_open else HttpResponseClientRefresh()
    return varied(render(request, "datasets/findings_making.html", context))


def _lead_on(request: HttpRequest, version: DatasetVersion, task: DatasetTask) -> HttpResponse:
    made = derived_version(task)
    if made is None:
        messages.info(request, "That version was deleted since.")
        url = version_url(version, "findings")
    else:
        if task.result.get("is_new", True):
            messages.success(request, f"{made} was made: {version.rows - made.rows:,} rows were left out.")
        else:
            say_already_here(request, made)
        url = version_url(made, "version")
    return lead_to(request, url)


def _reasons(task: DatasetTask) -> list[str]:
    steps = task.params.get("steps", {})
    return list(steps.get("drop_rows", {}).get("reasons", {}))


def _waiting(request: HttpRequest, version: DatasetVersion, task: DatasetTask | None) -> HttpResponse:
    """How far the check is, why it failed, or that nobody has asked for it."""
    context = {
        **page_of(version, "findings"),
        "task": task,
        "url": request.path,
        "title": "Checking the rows",
        "kinds": KINDS.values(),
    }
    if wants_part(request):
        is_open = task is not None and task.is_open
        return varied(render(request, "datasets/_task.html", context) if is_open else HttpResponseClientRefresh())
    return varied(render(request, "datasets/findings_waiting.html", context))


def _card(task: DatasetTask, summary: FindingsSummary, code: FindingCode, offset: int, limit: int) -> CodeCard:
    found = summary.codes[code]
    findings = read_findings(task, summary, code, offset=offset, limit=limit)
    end = offset + len(findings)
    return CodeCard(KINDS[code], found, findings, end if findings and end < found.rows else 0)
