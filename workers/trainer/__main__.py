"""Child program: trains one adapter. `python -m workers.trainer RUN_FOLDER` (see `workers/spec.py` for the folder)."""

from pathlib import Path
from typing import Any

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, run_child
from workers.launch_ranks import launch_ranks
from workers.spec import RunSpec


def main(run_folder: Path, spec: RunSpec) -> dict[str, Any]:
    """Train by the method that the config names; returns the facts of the run."""
    emit(PhaseEvent(phase=Phase.LOADING))
    from workers.trainer import engine  # noqa: PLC0415 - takes seconds, and a stop or a failure in it must be heard of

    return engine.train(run_folder, spec)


if __name__ == "__main__":
    launch_ranks()
    run_child(main)
