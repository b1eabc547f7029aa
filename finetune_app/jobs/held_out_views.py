"""The part of a job's page that shows the evaluations while it trained; asked for again when there is a new one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.jobs.access import get_job
from finetune_app.jobs.held_out import held_out_view
from finetune_app.web.numbers import number_in


@workspace_view
@require_safe
def held_out(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """Best, first and last evaluation, and the answers at `?step=`, else the newest."""
    job = get_job(access, number)
    context = {"job": job, "held_out": held_out_view(job, number_in(request.GET.get("step", "")))}
    return render(request, "jobs/_held_out_words.html", context)
