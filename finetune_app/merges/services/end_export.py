"""What becomes of an export that somebody no longer wants: it is stopped, or deleted."""

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.merges.models import Export
from finetune_app.work import run_task


def cancel_export(access: Access, export: Export) -> Export:
    """End one that waits or runs; its worker stops at its next beat and nothing is kept.

    Args:
        access: who asks.
        export: one that the caller has reached.

    Raises:
        UserError: `not_allowed`, or `export_over` (409).
    """
    access.require(Role.EDITOR)
    if not run_task.cancel(export):
        raise UserError("export_over", "This export is over already, so there is nothing to stop.", status=409)
    return export


def delete_export(access: Access, export: Export) -> None:
    """Forget an export. A worker that holds it stops; its files go with the next collection of garbage.

    What was sent somewhere stays there: it is out of reach, and others may use it.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    export.delete()
