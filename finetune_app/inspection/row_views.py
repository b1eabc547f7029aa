"""The page of one row: what a base model will see of it, token by token."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.datasets.access import get_version
from finetune_app.datasets.models import DatasetVersion
from finetune_app.errors import NotFound, UserError
from finetune_app.inspection.choice import Choice, read_choice
from finetune_app.inspection.services.ask import ask_preview, last_row
from finetune_app.inspection.shown_row import shown_row
from finetune_app.web.parts import render_page_or_part
from finetune_app.work.states import TaskState

TOKENS_PER_PAGE = 2000


@workspace_view
def dataset_row(request: HttpRequest, access: Access, name: str, number: int, row: int) -> HttpResponse:
    """The row's tokens, or how far the worker is with them; a POST asks again for what failed."""
    version = get_version(access, name, number)
    if not 1 <= row <= last_row(version):
        raise NotFound("row", str(row))
    choice = read_choice(access, request.GET)
    context: dict[str, object] = {
        "version": version,
        "dataset": version.dataset,
        "tab": "rows",
        "number": row,
        "previous": row - 1 if row > 1 else None,
        "next": row + 1 if row < last_row(version) else None,
        "choice": choice,
        "remembered": urlencode(
            {key: value for key, value in choice.query.items() if key in {"base_model", "max_length", "loss_on"}}
        ),
        "address": request.get_full_path(),
        **_found(request, access, version, choice, row),
    }
    if request.method == "POST":
        return HttpResponseRedirect(request.get_full_path())
    return render_page_or_part(request, "datasets/row.html", "datasets/_token_row.html", context)


def _found(
    request: HttpRequest, access: Access, version: DatasetVersion, choice: Choice, row: int
) -> dict[str, object]:
    if choice.base is None:
        return {}
    try:
        task = ask_preview(
            access, version, choice.base, row, loss_on=choice.config.loss_on, again=request.method == "POST"
        )
    except UserError as error:
        return {"problem": error.message}
    if task.state != TaskState.SUCCEEDED:
        return {"task": task}
    shown = shown_row(task, choice.config.max_length)
    page = Paginator(shown.tokens, TOKENS_PER_PAGE).get_page(request.GET.get("page"))
    return {"shown": shown, "page": page, "counts": {part.value: count for part, count in shown.counts.items()}}
