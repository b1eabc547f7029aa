"""What a kind of work on datasets consists of, for a light worker."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from finetune_app.datasets.services.run_task import Work

W = TypeVar("W", bound=Work)


@dataclass(frozen=True)
class TaskProgram(Generic[W]):
    """One kind of dataset task, or an import.

    Attributes:
        module: the child, `python -m MODULE RUN_FOLDER`, see `workers/child.py`.
        prepare: lays out the run folder for it.
        keep: stores what it left in the folder, given the facts that it ended with, and ends the work with its result
            (`run_task.succeed`). Until then, doing it again must change nothing.
    """

    module: str
    prepare: Callable[[W, Path], None]
    keep: Callable[[W, Path, dict[str, Any]], None]
