"""The page “Rows” of a dataset version: search, filters, pages, and what there is to see until the index is made."""

import re
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
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
from finetune_app.datasets.version_page import page_of, version_url
from finetune_app.web.numbers import number_in
from finetune_app.web.parts import render_page_or_part, varied, wants_part
from finetune_app.work.states import TaskState

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
        **page_of(version, "rows"),
        "facts": task.result,
        "form": form,
        "page": page,
        "rows": _marked(page, query.search),
        "is_narrowing": query.search or not query.wanted.wants_all,
    }
    response = render_page_or_part(request, "datasets/rows.html", "datasets/_rows_list.html", context)
    return push_url(response, f"{request.path}{form.address(page.number)}") if wants_part(request) else response


@workspace_view
@require_POST
def make_index(_request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """Ask for the index, again after it failed."""
    version = get_version(access, name, number)
    request_index(access, version)
    return HttpResponseRedirect(version_url(version, "rows"))


def _waiting(request: HttpRequest, version: DatasetVersion, task: DatasetTask | None) -> HttpResponse:
    """The first rows, and how far the index is; the part of the page that asks for that stands alone."""
    context = {
        **page_of(version, "rows"),
        "task": task,
        "url": version_url(version, "rows"),
        "title": "Indexing the rows",
    }
    if wants_part(request) and (task is None or not task.is_open):
        return varied(HttpResponseClientRefresh())
    return render_page_or_part(request, "datasets/rows.html", "datasets/_task.html", context)


def _jump(request: HttpRequest, version: DatasetVersion, task: DatasetTask, jump: str) -> HttpResponse:
    """To the place of the row with this number among all rows; to the first page, with a sentence, without one."""
    number = number_in(jump)
    position = None if number is None else find_position(task, number)
    if position is None:
        messages.error(request, f"There is no row {jump[:20]} among the good rows of {version}.")
        return HttpResponseRedirect(version_url(version, "rows"))
    page = position // PER_PAGE + 1
    return HttpResponseRedirect(f"{version_url(version, 'rows')}{f'?page={page}' if page > 1 else ''}#row-{number}")


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
