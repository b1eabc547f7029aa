"""The pages that show jobs: the list, one job, and the button that cancels it. Setting one up: `new_job_views.py`."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.jobs.access import get_job, jobs_of
from finetune_app.jobs.config_options import OPTIONS, OPTIONS_OF
from finetune_app.jobs.forms import FilterForm
from finetune_app.jobs.held_out import held_out_view
from finetune_app.jobs.job_facts import measured_facts, readable_facts
from finetune_app.jobs.methods import DEFAULT_METHOD, METHODS
from finetune_app.jobs.models import Attempt, Job
from finetune_app.jobs.progress import progress_of, seconds_taken
from finetune_app.jobs.queue_order import waiting_before
from finetune_app.jobs.queue_page import queue_page
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.retry_job import last_checkpoint
from finetune_app.jobs.services.waiting_reason import situation_of, waiting_reason
from finetune_app.jobs.states import JobState
from finetune_app.web.links import workspace_url
from finetune_app.web.numbers import number_in
from finetune_app.web.parts import render_page_or_part, wants_part

PER_PAGE = 25


@dataclass(frozen=True)
class JobRow:
    """A job in the list, with how long it has been at work, and why it waits if more than its turn keeps it."""

    job: Job
    seconds: float | None
    reason: str


@workspace_view
@require_safe
def job_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Those that wait; then all, newest first, narrowed by state, adapter and dataset. htmx gets the table alone."""
    form = FilterForm(access, request.GET)
    page = Paginator(_narrowed(jobs_of(access), form), PER_PAGE).get_page(request.GET.get("page"))
    waits = any(job.state == JobState.QUEUED for job in page)
    situation = situation_of(access.workspace) if waits else None
    shows_queue = not wants_part(request) and not form.is_narrowing and page.number == 1
    context = {
        "form": form,
        "page": page,
        "rows": [JobRow(job, seconds_taken(job), waiting_reason(job, situation)) for job in page],
        "queue": queue_page(access.workspace, situation, shows_all="all" in request.GET) if shows_queue else None,
        "is_live": any(job.is_open for job in page),
        "address": request.get_full_path(),
    }
    return render_page_or_part(request, "jobs/list.html", "jobs/list.html#table", context)


def _narrowed(jobs: QuerySet[Job], form: FilterForm) -> QuerySet[Job]:
    if (state := form["state"].value()) in set(JobState):
        jobs = jobs.filter(state=state)
    if adapter := form["adapter"].value():
        jobs = jobs.filter(adapter_name=adapter)
    if dataset := form["dataset"].value():
        jobs = jobs.filter(dataset_version__dataset__name=dataset)
    return jobs


@workspace_view
@require_safe
def detail(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """One job; the live page asks for the part that its state decides (`HX-Request`) whenever that changes."""
    job = get_job(access, number)
    options = OPTIONS_OF.get(job.config.get("method", ""), OPTIONS)
    rows = [(option, option.text(job.config[name])) for name, option in options.items() if name in job.config]
    changed = [row for row in rows if job.config[row[0].name] != row[0].default]
    context = _state_context(job) | {
        "config_rows": rows,
        "changed_rows": changed,
        "method_title": _method_title(job),
    }
    if not wants_part(request):
        context["held_out"] = held_out_view(job, number_in(request.GET.get("step", "")))
    return render_page_or_part(request, "jobs/detail.html", "jobs/_update.html", context)


def _method_title(job: Job) -> str:
    """In words; of a method that is gone its name."""
    name = job.config.get("method", DEFAULT_METHOD)
    return METHODS[name].title if name in METHODS else name


@workspace_view
@require_POST
def cancel(_request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """Cancel the job, whatever its state, and show it."""
    cancel_job(access, get_job(access, number))
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "jobs:detail", number=number))


def _state_context(job: Job) -> dict[str, Any]:
    attempts = list(Attempt.objects.filter(job=job).order_by("number"))
    return {
        "job": job,
        "attempts": attempts,
        "workers": json.dumps([attempt.worker for attempt in attempts]),
        "progress": progress_of(job),
        "seconds": seconds_taken(job),
        "facts": readable_facts(job.facts),
        "measured": measured_facts(job.facts),
        "scores": job.scores,
        "checkpoint": last_checkpoint(job),
        "waiting_before": waiting_before(job),
        "waiting_reason": waiting_reason(job),
    }
