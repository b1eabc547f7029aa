"""One run of keeping house in a workspace."""

from finetune_app.accounts.models import Workspace
from finetune_app.housekeeping.amounts import TidyLook
from finetune_app.housekeeping.services.apply_retention import apply_retention, look_at_retention
from finetune_app.housekeeping.services.collect_garbage import Report, collect_garbage


def tidy(workspace: Workspace, *, carry_out: bool, report: Report) -> TidyLook:
    """Look, or take away. Garbage first: so the bytes of versions that go now stay until the next run.

    Args:
        workspace: whose rule is looked at; garbage is nobody's.
        carry_out: False only looks.
        report: is told (steps done, steps in all), and may raise to end it.
    """
    storage = collect_garbage(carry_out=carry_out, workspace=workspace, report=report)
    retention = apply_retention(workspace) if carry_out else look_at_retention(workspace)
    return TidyLook(storage=storage, retention=retention)
