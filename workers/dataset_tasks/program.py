"""What a kind of dataset task consists of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune_app.datasets.models import DatasetTask


@dataclass(frozen=True)
class TaskProgram:
    """One kind of dataset task.

    Attributes:
        module: the child, `python -m MODULE RUN_FOLDER`, see `workers/child.py`.
        prepare: lays out the run folder for it.
        keep: stores what it left in the folder, given the facts that it ended with; returns the task's result as JSON.
            Doing it again must change nothing.
    """

    module: str
    prepare: Callable[[DatasetTask, Path], None]
    keep: Callable[[DatasetTask, Path, dict[str, Any]], dict[str, Any]]
