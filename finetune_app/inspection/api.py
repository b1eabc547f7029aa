"""Tokens over REST: the report of a dataset version for a base, and one row as the base will see it."""

from typing import Annotated, Any

from ninja import Query, Router
from ninja.responses import Status

from adapters.access import find_base_revision
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.datasets.access import get_version
from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.services.find_lengths import lengths_of
from finetune_app.datasets.task_schema import Again, DatasetTaskOut
from finetune_app.datasets.token_report import token_report
from finetune_app.errors import UserError
from finetune_app.inspection.schemas import PreviewOut, TokensOut
from finetune_app.inspection.services.ask import ask_preview, ask_tokens, find_tokens
from finetune_app.inspection.shown_row import shown_row
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.parse_config import parse_config
from finetune_app.web.schemas import ErrorOut
from finetune_app.work.states import TaskState

router = Router()
DEFAULTS = SFTOptions()
BaseModelName = Annotated[str, Query(description="`name` (its newest revision) or `name@2`.")]
ERRORS = {403: ErrorOut, 404: ErrorOut, 422: ErrorOut}


@router.get(
    "/{name}/versions/{int:number}/preview/{int:row}",
    response={200: PreviewOut, 202: DatasetTaskOut, **ERRORS},
    summary="One row as the model will see it",
)
def show_preview(
    request: ApiRequest,
    *,
    name: str,
    number: int,
    row: int,
    base_model: BaseModelName,
    max_length: int = DEFAULTS.max_length,
    completion_only_loss: bool = DEFAULTS.completion_only_loss,
    assistant_only_loss: bool = DEFAULTS.assistant_only_loss,
    again: Again = False,
) -> Status[Any]:
    """The row's tokens, made by the code that training uses: 200. While a worker makes them: 202; ask again."""
    version = get_version(request.auth, name, number)
    base = find_base_revision(request.auth, base_model)
    config = parse_config(
        {
            "max_length": max_length,
            "completion_only_loss": completion_only_loss,
            "assistant_only_loss": assistant_only_loss,
        },
        prefix="",
    )
    task = ask_preview(request.auth, version, base, row, loss_on=config.loss_on, again=again)
    if not _is_done(task):
        return Status(202, DatasetTaskOut.of(task, request))
    return Status(200, PreviewOut.of(shown_row(task, config.max_length), version, base))


@router.get(
    "/{name}/versions/{int:number}/tokens",
    response={200: TokensOut, 202: DatasetTaskOut, **ERRORS},
    summary="Tokens of all rows",
)
def show_tokens(
    request: ApiRequest,
    *,
    name: str,
    number: int,
    base_model: BaseModelName,
    max_length: int = DEFAULTS.max_length,
    per_device_train_batch_size: int = DEFAULTS.per_device_train_batch_size,
    gradient_accumulation_steps: int = DEFAULTS.gradient_accumulation_steps,
    completion_only_loss: bool = DEFAULTS.completion_only_loss,
    again: Again = False,
) -> Status[Any]:
    """The report: 200. While a worker counts: 202; ask again.

    The first call asks for the count, so it needs an editor; every max length after it is answered at once.
    """
    version = get_version(request.auth, name, number)
    base = find_base_revision(request.auth, base_model)
    config = parse_config(
        {
            "max_length": max_length,
            "per_device_train_batch_size": per_device_train_batch_size,
            "gradient_accumulation_steps": gradient_accumulation_steps,
            "completion_only_loss": completion_only_loss,
        },
        prefix="",
    )
    task = find_tokens(version, base)
    if task is None or again:
        task = ask_tokens(request.auth, version, base)
    if not _is_done(task):
        return Status(202, DatasetTaskOut.of(task, request))
    report = token_report(
        lengths_of(task),
        config.max_length,
        batch_size=config.per_device_train_batch_size,
        accumulation=config.gradient_accumulation_steps,
        answers_only=completion_only_loss,
    )
    return Status(200, TokensOut.of(report, version, base))


def _is_done(task: DatasetTask) -> bool:
    if task.state == TaskState.FAILED:
        raise UserError(task.error_code, task.error)
    return not task.is_open
