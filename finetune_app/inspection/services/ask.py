"""Ask a worker to count tokens or to show a row; what was asked before is there at once."""

from typing import Any

from adapters.models import BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.find_lengths import tokens_params
from finetune_app.datasets.services.request_task import find_task, request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import NotFound, UserError
from finetune_app.inspection.choice import USUAL_LOSS
from finetune_app.jobs.base_fit import require_template
from finetune_app.jobs.training_config import LossOn


def find_tokens(version: DatasetVersion, base: BaseRevision) -> DatasetTask | None:
    """The count of the version's tokens for the base, when somebody has asked for it."""
    return find_task(version, TaskKind.TOKENS, tokens_params(base.pk))


def ask_tokens(access: Access, version: DatasetVersion, base: BaseRevision) -> DatasetTask:
    """Have the version's tokens counted for the base; again, when that failed.

    Raises:
        UserError: not allowed, or the base has no chat template.
    """
    access.require(Role.EDITOR)
    require_tokens(version, base)
    return request_task(version, TaskKind.TOKENS, tokens_params(base.pk), user=access.user)


def ask_preview(
    access: Access,
    version: DatasetVersion,
    base: BaseRevision,
    row: int,
    *,
    loss_on: LossOn = USUAL_LOSS,
    again: bool = False,
) -> DatasetTask:
    """The row as the base sees it: every member may look. What failed stays so until somebody asks `again`.

    `loss_on` is the part of the row that is learned.

    Raises:
        NotFound: the version has no such row.
        UserError: the row was left out on upload, or the base has no chat template.
    """
    check_row(version, row)
    require_tokens(version, base)
    params: dict[str, Any] = {"base_revision": base.pk, "row": row}
    if loss_on != USUAL_LOSS:
        params["loss_on"] = loss_on
    return request_task(version, TaskKind.PREVIEW, params, user=access.user, again=again)


def require_tokens(version: DatasetVersion, base: BaseRevision) -> None:
    """Tokens are shown as training makes them, so they need what training needs.

    Raises:
        UserError: `template_missing`.
    """
    require_template(version, base)


def last_row(version: DatasetVersion) -> int:
    """The highest row number of the stored file."""
    return version.rows + len(version.rows_to_skip)


def check_row(version: DatasetVersion, row: int) -> None:
    """A row can be shown when it is a good one.

    Raises:
        NotFound: the version has no such row.
        UserError: the row was left out on upload.
    """
    if not 1 <= row <= last_row(version):
        raise NotFound("row", str(row))
    if row in version.rows_to_skip:
        reason = next(bad["reason"] for bad in version.bad_rows if bad["row"] == row)
        raise UserError("row_left_out", f"Row {row} was left out on upload: {reason}")
