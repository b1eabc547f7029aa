"""Pages that make, compare, delete and download dataset versions."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import WorkspaceRequest, workspace_view
from finetune_app.datasets.access import get_dataset, get_task, get_version, versions_of
from finetune_app.datasets.compare_page import CompareForm, compared_lines
from finetune_app.datasets.comparison import Group
from finetune_app.datasets.derive_form import DeriveForm
from finetune_app.datasets.models import Dataset, DatasetTask, DatasetVersion
from finetune_app.datasets.services.compare_versions import compare_versions
from finetune_app.datasets.services.delete_dataset import delete_dataset, delete_version, uses_of
from finetune_app.datasets.services.derive_version import derive_version, derived_version
from finetune_app.datasets.services.download_rows import (
    DownloadFormat,
    download_content,
    parse_format,
    request_download,
)
from finetune_app.datasets.task_states import TaskKind
from finetune_app.datasets.version_page import page_of, say_already_here, version_url
from finetune_app.errors import NotFound, UserError
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import lead_to, render_page_or_part, varied, wants_part
from finetune_app.web.ranged import ranged_response
from finetune_app.work.states import TaskState

PER_PAGE = 25


@workspace_view
def derive(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """The form with the steps; a good one queues the task and leads to its progress."""
    access.require(Role.EDITOR)
    version = get_version(access, name, number)
    form = DeriveForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _derive_page(request, version, form)
    try:
        task = derive_version(access, version, form.derivation)
    except UserError as error:
        form.add_problem(error.field, error.message)
        return _derive_page(request, version, form)
    return HttpResponseRedirect(version_url(version, "derive-task", task_id=task.pk))


@require_safe
@workspace_view
def derive_task(request: WorkspaceRequest, access: Access, name: str, number: int, task_id: int) -> HttpResponse:
    """How far the new version is; then it leads there."""
    version = get_version(access, name, number)
    task = get_task(version, task_id)
    if task.kind != TaskKind.DERIVE:
        raise NotFound("task", str(task_id))
    if task.state == TaskState.SUCCEEDED:
        return _made(request, version, task)
    context = page_of(version, "", task=task, url=request.path, title="Making the version")
    return render_page_or_part(request, "datasets/_derive_progress.html", "datasets/_task.html", context)


@workspace_view
def compare(request: WorkspaceRequest, access: Access, name: str) -> HttpResponse:
    """Two versions side by side: the counts, and the rows of one group."""
    dataset = get_dataset(access, name)
    versions = list(versions_of(dataset).defer("bad_rows", "first_rows"))
    form = CompareForm(request.GET, versions=versions)
    context: dict[str, Any] = {"dataset": dataset, "form": form, "versions": versions}
    if form.is_valid():
        before, after = form.chosen
        task = compare_versions(before, after, user=access.user, try_again=not wants_part(request))
        context |= {"before": before, "after": after, "task": task, "title": f"Comparing {before} with {after}"}
        context["url"] = request.get_full_path()
        if task.state == TaskState.SUCCEEDED:
            if wants_part(request):
                return varied(HttpResponseClientRedirect(request.get_full_path()))
            context |= _compared(request, task, before)
        return render_page_or_part(request, "datasets/compare.html", "datasets/_task.html", context)
    return varied(render(request, "datasets/compare.html", context))


@workspace_view
def remove_version(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """What goes with a version, and the button that deletes it."""
    access.require(Role.EDITOR)
    version = get_version(access, name, number)
    is_last = version.dataset.versions.count() == 1
    if request.method != "POST":
        return _delete_page(request, version.dataset, version, is_last=is_last)
    try:
        delete_version(access, version)
    except UserError as error:
        return _delete_page(request, version.dataset, version, is_last=is_last, status=error.status)
    messages.success(request, f"{version} was deleted.")
    return HttpResponseRedirect(_dataset_url(access, None if is_last else name))


@workspace_view
def remove_dataset(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """What goes with a dataset, and the button that deletes it."""
    access.require(Role.EDITOR)
    dataset = get_dataset(access, name)
    if request.method != "POST":
        return _delete_page(request, dataset, None)
    try:
        delete_dataset(access, dataset)
    except UserError as error:
        return _delete_page(request, dataset, None, status=error.status)
    messages.success(request, f"The dataset {name} was deleted.")
    return HttpResponseRedirect(_dataset_url(access, None))


@require_safe
@workspace_view
async def download(request: WorkspaceRequest, access: Access, name: str, number: int) -> HttpResponseBase:
    """The file, or the page that waits until it is made."""
    wanted = parse_format(request.GET.get("format", "jsonl"))
    version = await sync_to_async(get_version)(access, name, number)
    content = await sync_to_async(download_content)(version, wanted)
    if content is not None and not wants_part(request):
        return ranged_response(request, content)
    return await sync_to_async(_waiting_for_file)(request, access, version, wanted)


def _waiting_for_file(
    request: WorkspaceRequest, access: Access, version: DatasetVersion, wanted: DownloadFormat
) -> HttpResponse:
    task = request_download(version, wanted, user=access.user, try_again=not wants_part(request))
    content = download_content(version, wanted)
    context = page_of(version, "", task=task, content=content, title=f"Writing {wanted}", url=request.get_full_path())
    part = "datasets/_download_ready.html" if content else "datasets/_task.html"
    return render_page_or_part(request, "datasets/_download_progress.html", part, context)


def _derive_page(request: HttpRequest, version: DatasetVersion, form: DeriveForm) -> HttpResponse:
    context = page_of(version, "", form=form)
    return render(request, "datasets/derive.html", context, status=422 if form.errors else 200)


def _made(request: WorkspaceRequest, version: DatasetVersion, task: DatasetTask) -> HttpResponse:
    made = derived_version(task)
    if made is None:
        messages.error(request, "The version that was made was deleted since.")
        url = version_url(version, "derive")
    else:
        url = version_url(made)
        if made == version:
            messages.info(request, f"All rows stayed as they were, so this is still {made}.")
        elif not task.result["is_new"]:
            say_already_here(request, made)
    return lead_to(request, url)


def _compared(request: HttpRequest, task: DatasetTask, before: DatasetVersion) -> dict[str, Any]:
    counts = task.result["counts"]
    chosen = request.GET.get("group", "")
    first = next((group for group in Group if counts[group]), Group.CHANGED)
    group = Group(chosen) if chosen in set(Group) else first
    page = Paginator(range(counts[group]), PER_PAGE).get_page(request.GET.get("page"))
    lines = compared_lines(task, before, group, offset=max(0, page.start_index() - 1), limit=PER_PAGE)
    groups = [(item, counts[item]) for item in Group]
    return {"counts": counts, "group": group, "groups": groups, "page": page, "lines": lines}


def _delete_page(
    request: HttpRequest, dataset: Dataset, version: DatasetVersion | None, *, is_last: bool = False, status: int = 200
) -> HttpResponse:
    context = {
        "dataset": dataset,
        "version": version,
        "is_last": is_last,
        "users": uses_of(dataset, version),
        "versions": dataset.versions.count(),
    }
    return render(request, "datasets/delete.html", context, status=status)


def _dataset_url(access: Access, name: str | None) -> str:
    slug = access.workspace.slug
    return workspace_url(slug, "datasets:detail", name=name) if name else workspace_url(slug, "datasets:list")
