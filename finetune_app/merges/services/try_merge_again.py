"""Try a merge that failed, or was stopped, once more."""

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.jobs.services.wake_workers import wake_workers_on_commit
from finetune_app.merges.mergeable import require_mergeable
from finetune_app.merges.models import MergedModel
from finetune_app.work import run_task


def try_merge_again(access: Access, merged: MergedModel) -> MergedModel:
    """Queue it again with the same options; it keeps its number.

    Args:
        access: who asks.
        merged: one that the caller has reached.

    Raises:
        UserError: `not_allowed`, `merge_not_failed` (409), or what `require_mergeable` refuses by now.
    """
    access.require(Role.EDITOR)
    require_mergeable(merged.version, merged.base_revision)
    with transaction.atomic():
        if not run_task.queue_again(merged):
            raise UserError("merge_not_failed", "Only a merge that failed or was stopped is tried again.", status=409)
        wake_workers_on_commit()
    return merged
