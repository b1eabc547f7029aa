"""Delete a merged model, with its report and what was exported of it, as long as no worker is at it.

The bytes stay in the storage until the collection of garbage finds that nothing names them any more.
"""

from django.db import transaction

from adapters.in_use import in_use_error
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import NotFound
from finetune_app.merges.models import MergedModel
from finetune_app.work.states import OPEN_TASK_STATES

ADVICE = "Stop it first, or wait until it is done."


def delete_merged_model(access: Access, merged: MergedModel) -> None:
    """Delete a merged model that the caller has reached, whole or failed.

    Raises:
        UserError: `not_allowed`, or `in_use` while it is being made or exports of it are.
        NotFound: somebody else deleted it.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        # Whoever asks for an export of it, or tries it again, waits here.
        locked = MergedModel.objects.select_for_update().filter(pk=merged.pk).first()
        if locked is None:
            raise NotFound("merged model", f"{merged.version}/{merged.number}")
        if users := still_at_work(locked):
            raise in_use_error(str(merged), users, advice=ADVICE)
        locked.delete()


def still_at_work(merged: MergedModel) -> list[str]:
    """The work on it, in words, that has to end before it can go."""
    own = [f"the merge that makes it, which is {merged.state}"] if merged.is_open else []
    exports = merged.exports.filter(state__in=OPEN_TASK_STATES).order_by("number")
    return own + [f"{export.kind} export {export.number}, which is {export.state}" for export in exports]
