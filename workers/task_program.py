"""What a kind of work consists of, for a worker that does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from finetune_app.jobs.states import Phase
from finetune_app.work import run_task
from finetune_app.work.run_task import Work

W = TypeVar("W", bound=Work)


@dataclass(frozen=True)
class TaskProgram(Generic[W]):
    """One kind of task or import.

    Attributes:
        module: the child, `python -m MODULE RUN_FOLDER`, see `workers/child.py`.
        prepare: lays out the run folder for it.
        then: further children that run on the same folder after it, one after the other.
        secrets: variables that the children get and nobody else; they lie on no disk.
        keep: stores what it left in the folder, given the facts that the last child ended with, and ends the
            work with its result (`run_task.succeed`). Until then, doing it again must change nothing.
    """

    module: str
    prepare: Callable[[W, Path], None]
    keep: Callable[[W, Path, dict[str, Any]], None]
    then: tuple[str, ...] = ()
    secrets: Callable[[W], Mapping[str, str]] | None = None


Report = Callable[[int, int], None]


@dataclass(frozen=True)
class InWorkerProgram(Generic[W]):
    """One kind of task without a child: it asks the database and the storage, and computes nothing.

    Attributes:
        run: does the task and gives its result. Its second argument is told (done, total) often; it raises when the
            worker is to end or somebody else took the task, so doing it again must change nothing.
        keep: ends the work with what `run` gave (`run_task.succeed`), where that is more than its result.
        phase: what is done meanwhile; None: a page need not say.
    """

    run: Callable[[W, Report], dict[str, Any]]
    keep: Callable[[W, dict[str, Any]], None] = run_task.succeed
    phase: Phase | None = None
