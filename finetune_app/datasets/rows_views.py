"""The page “Rows” of a dataset version: search, filters, pages, and what there is to see until the index is made."""

import re
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh, push_url

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.datasets.access import get_version
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.row_search import highlighter
from finetune_app.datasets.rows_form import RowsForm
from finetune_app.datasets.services.look_at_rows import find_position, find_rows, index_of, request_index
from finetune_app.datasets.task_states import TaskState
from finetune_app.web.links import workspace_url
from finetune_app.web.numbers import number_in

PER_PAGE = 50
SHOWN_TEXTS = frozenset({"content", "completion", "text", "rejected", "arguments"})


@workspace_view
def version_rows(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """The rows that match, a page of them; htmx gets the list alone."""
    version = get_version(access, name, number)
    task = index_of(version)
    if task is None or task.state != TaskState.SUCCEEDED:
        return _waiting(request, version, task)
    if jump := request.GET.get("row", "").strip():
        return _jump(request, version, task, jump)
    form = RowsForm(request.GET)
    query = form.query
    found: Any = find_rows(version, task, query)
    page: Page[Any] = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        **_page_of(version),
        "facts": task.result,
        "form": form,
        "page": page,
        "rows": _marked(page, query.search),
        "is_narrowing": query.search or not query.wanted.wants_all,
    }
    is_part = _is_part(request)
    response = render(request, "datasets/_rows_list.html" if is_part else "datasets/rows.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    return push_url(response, f"{request.path}{form.address(page.number)}") if is_part else response


@workspace_view
@require_POST
def make_index(_request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """Ask for the index, again after it failed."""
    version = get_version(access, name, number)
    request_index(access, version)
    return HttpResponseRedirect(_url(version))


def _waiting(request: HttpRequest, version: DatasetVersion, task: DatasetTask | None) -> HttpResponse:
    """The first rows, and how far the index is; the part of the page that asks for that stands alone."""
    context = {**_page_of(version), "task": task, "url": _url(version), "title": "Indexing the rows"}
    if not _is_part(request):
        return render(request, "datasets/rows.html", context)
    if task is not None and task.is_open:
        return render(request, "datasets/_task.html", context)
    return HttpResponseClientRefresh()


def _jump(request: HttpRequest, version: DatasetVersion, task: DatasetTask, jump: str) -> HttpResponse:
    """To the place of the row with this number among all rows; to the first page, with a sentence, without one."""
    number = number_in(jump)
    position = None if number is None else find_position(task, number)
    if position is None:
        messages.error(request, f"There is no row {jump[:20]} among the good rows of {version}.")
        return HttpResponseRedirect(_url(version))
    page = position // PER_PAGE + 1
    return HttpResponseRedirect(f"{_url(version)}{f'?page={page}' if page > 1 else ''}#row-{number}")


def _page_of(version: DatasetVersion) -> dict[str, Any]:
    return {"version": version, "dataset": version.dataset, "tab": "rows"}


def _url(version: DatasetVersion) -> str:
    dataset = version.dataset
    return workspace_url(dataset.workspace.slug, "datasets:rows", name=dataset.name, number=version.number)


def _is_part(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def _marked(page: Page[Any], search: str) -> list[Any]:
    """The rows of the page with what was searched for marked in their texts."""
    pattern = highlighter(search)
    return [_with_marks(row, pattern) for row in page] if pattern else list(page)


def _with_marks(value: Any, pattern: re.Pattern[str]) -> Any:
    match value:
        case dict():
            return {
                key: _mark(item, pattern)
                if key in SHOWN_TEXTS and isinstance(item, str)
                else _with_marks(item, pattern)
                for key, item in value.items()
            }
        case list():
            return [_with_marks(item, pattern) for item in value]
        case _:
            return value


def _mark(text: str, pattern: re.Pattern[str]) -> SafeString:
    parts = []
    end = 0
    for found in pattern.finditer(text):
        parts += [escape(text[end : found.start()]), "<mark>", escape(found[0]), "</mark>"]
        end = found.end()
    return mark_safe("".join([*parts, escape(text[end:])]))  # noqa: S308 - every piece of the text is escaped
