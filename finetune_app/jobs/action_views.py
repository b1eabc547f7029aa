"""The buttons of a job's page: pause, resume, retry. Each goes back to a page that shows what it did, or why not."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.jobs.access import get_job
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.pause_job import pause_job
from finetune_app.jobs.services.resume_job import resume_job
from finetune_app.jobs.services.retry_job import last_checkpoint, retry_job
from finetune_app.web.links import workspace_url


@workspace_view
@require_POST
def pause(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """Pause the job; one that has ended meanwhile says so."""
    return _done(request, access, number, pause_job)


@workspace_view
@require_POST
def resume(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """Resume the job; one that is no longer paused says so."""
    return _done(request, access, number, resume_job)


@workspace_view
@require_POST
def retry(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """Queue the job again as it was, from its last checkpoint where it has one, and show the new one."""
    access.require(Role.EDITOR)
    job = get_job(access, number)
    try:
        return _show(access, retry_job(access, job, {}, from_checkpoint=last_checkpoint(job) is not None))
    except UserError as error:
        messages.error(request, error.message)
        return _show(access, job)


def _done(request: HttpRequest, access: Access, number: int, act: Callable[[Access, Job], object]) -> HttpResponse:
    """Show the job after `act`, with what it had against it."""
    access.require(Role.EDITOR)
    job = get_job(access, number)
    try:
        act(access, job)
    except UserError as error:
        messages.error(request, error.message)
    return _show(access, job)


def _show(access: Access, job: Job) -> HttpResponse:
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "jobs:detail", number=job.number))
