"""Stop a merge."""

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.merges.models import MergedModel
from finetune_app.work import run_task


def cancel_merge(access: Access, merged: MergedModel) -> MergedModel:
    """End one that waits or runs; its worker stops at its next beat and nothing is kept.

    Args:
        access: who asks.
        merged: one that the caller has reached.

    Raises:
        UserError: `not_allowed`, or `merge_over` (409).
    """
    access.require(Role.EDITOR)
    if not run_task.cancel(merged):
        raise UserError("merge_over", "This merge is over already, so there is nothing to stop.", status=409)
    return merged
