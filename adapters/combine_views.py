"""The pages that combine versions into one: the form, and how far the work is."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from adapters.access import adapter_versions_of
from adapters.combine_access import get_combination
from adapters.combine_forms import CombineForm
from adapters.models import RegistryTask
from adapters.services.combine_versions import combine_again, combine_versions
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, render_page_or_part
from finetune_app.work import run_task
from finetune_app.work.states import TaskState

SUGGESTED = 50  # newest versions that the fields offer


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def combine(request: HttpRequest, access: Access) -> HttpResponse:
    """Choose versions (`?v=name@3&v=other@production`), weights and the way; a worker does it."""
    access.require(Role.EDITOR)
    if request.method != "POST":
        form = CombineForm(references=request.GET.getlist("v"), initial={"name": request.GET.get("name", "")})
        return _form_page(request, access, form)
    form = CombineForm(request.POST)
    if form.is_valid():
        try:
            task = combine_versions(access, name=form.cleaned_data["name"], parts=form.parts(), options=form.options())
        except UserError as error:
            form.say(error)
        else:
            return HttpResponseRedirect(workspace_url(access.workspace.slug, "adapters:combination", pk=task.pk))
    return _form_page(request, access, form, status=422)


@require_safe
@workspace_view
def combination(request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """How far it is; leads to the version once there is one."""
    task = get_combination(access, pk)
    if task.state == TaskState.SUCCEEDED:
        return lead_to(request, _version_url(access, task))
    return render_page_or_part(request, "adapters/combination.html", "adapters/_combination.html", {"task": task})


@require_POST
@workspace_view
def stop(_request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """End it; nothing is saved."""
    access.require(Role.EDITOR)
    run_task.cancel(get_combination(access, pk))
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "adapters:combination", pk=pk))


@require_POST
@workspace_view
def again(_request: HttpRequest, access: Access, pk: int) -> HttpResponse:
    """Try it once more."""
    combine_again(access, get_combination(access, pk))
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "adapters:combination", pk=pk))


def _version_url(access: Access, task: RegistryTask) -> str:
    made = task.result
    return workspace_url(access.workspace.slug, "adapters:version", name=made["adapter"], number=made["version"])


def _form_page(request: HttpRequest, access: Access, form: CombineForm, *, status: int = 200) -> HttpResponse:
    newest = adapter_versions_of(access).defer("manifest")[:SUGGESTED]
    context = {"form": form, "suggested": [str(version) for version in newest]}
    return render(request, "adapters/combine.html", context, status=status)
