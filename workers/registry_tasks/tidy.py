"""The task that keeps house. It asks the database and the storage and computes nothing, so it needs no child."""

from typing import Any

from adapters.models import RegistryTask
from finetune_app.housekeeping.services.tidy import tidy
from workers.task_program import InWorkerProgram, Report


def run(task: RegistryTask, report: Report) -> dict[str, Any]:
    """What was found, and taken away when that was asked."""
    found = tidy(task.workspace, carry_out=bool(task.params["carry_out"]), report=report)
    return found.model_dump(mode="json")


TIDY = InWorkerProgram(run)
