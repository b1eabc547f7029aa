"""The task that measures versions' changes: `finetune_app/comparison/services/ask_deltas.py` asks for it."""

from pathlib import Path
from typing import Any

from adapters.models import AdapterVersion, RegistryTask
from adapters.services.place_version import place_version
from finetune_app.comparison.deltas import Deltas
from finetune_app.errors import UserError
from finetune_app.work import run_task
from workers.delta_comparer.names import RESULT_NAME, version_folder
from workers.task_program import TaskProgram


def prepare(task: RegistryTask, folder: Path) -> None:
    """Place each version's weights and config.

    Raises:
        UserError: a version was deleted since.
    """
    for place, (key, manifest_sha256) in enumerate(task.params["versions"]):
        versions = AdapterVersion.objects.filter(adapter__workspace=task.workspace)
        version = versions.filter(pk=key, manifest_sha256=manifest_sha256).first()
        if version is None:
            raise UserError("version_deleted", "A version was deleted in the meantime. Compare the others.")
        place_version(version, version_folder(folder, place))


def keep(task: RegistryTask, folder: Path, _facts: dict[str, Any]) -> None:
    """Keep what was measured: some ten kilobytes, with the task."""
    run_task.succeed(task, Deltas.model_validate_json((folder / RESULT_NAME).read_text()).model_dump())


DELTAS = TaskProgram("workers.delta_comparer", prepare, keep)
