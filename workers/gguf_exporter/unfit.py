"""How the exporter says that a model cannot leave as GGUF."""

from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure


def unfit(detail: str) -> ChildFailure:
    """The failure, with what exactly does not fit."""
    return ChildFailure(Cause.EXPORT_UNFIT, detail)
