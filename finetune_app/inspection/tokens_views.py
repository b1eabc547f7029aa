"""The page of a version's tokens: what a max length cuts, and what packing saves."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.datasets.access import get_version
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.services.find_lengths import lengths_of
from finetune_app.datasets.token_report import token_report
from finetune_app.errors import UserError
from finetune_app.inspection.choice import Choice, read_choice
from finetune_app.inspection.services.ask import ask_tokens, find_tokens, require_tokens
from finetune_app.web.parts import render_page_or_part
from finetune_app.work.states import TaskState


@workspace_view
def dataset_tokens(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """The report, how far the worker is with it, or the offer to have the tokens counted (a POST does that)."""
    version = get_version(access, name, number)
    choice = read_choice(access, request.GET)
    if request.method == "POST":
        if choice.base:
            ask_tokens(access, version, choice.base)
        return HttpResponseRedirect(request.get_full_path())
    context: dict[str, object] = {
        "version": version,
        "dataset": version.dataset,
        "tab": "tokens",
        "choice": choice,
        "address": request.get_full_path(),
        **_found(version, choice),
    }
    return render_page_or_part(request, "datasets/tokens.html", "datasets/_tokens_report.html", context)


def _found(version: DatasetVersion, choice: Choice) -> dict[str, object]:
    if choice.base is None:
        return {}
    try:
        require_tokens(version, choice.base)
    except UserError as error:
        return {"problem": error.message}
    task = find_tokens(version, choice.base)
    if task is None or task.state != TaskState.SUCCEEDED:
        return {"task": task}
    config = choice.config
    report = token_report(
        lengths_of(task),
        config.max_length,
        batch_size=config.per_device_train_batch_size,
        accumulation=config.gradient_accumulation_steps,
    )
    return {"report": report, "most_rows": max((bar.rows for bar in report.bars), default=1)}
