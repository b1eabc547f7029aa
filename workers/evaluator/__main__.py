"""Child program: scores what the trainer left. `python -m workers.evaluator RUN_FOLDER` (see `workers/spec.py`).

It runs in a process of its own, after the adapter is saved: a lack of memory here costs no training, and generating
from an nf4 base on the CPU swaps in weights that can no longer be trained on.
"""

from pathlib import Path
from typing import Any

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, run_child
from workers.spec import RunSpec


def main(run_folder: Path, spec: RunSpec) -> dict[str, Any]:
    """Score base and tuned model on the held-out rows; returns the facts of the evaluation."""
    emit(PhaseEvent(phase=Phase.LOADING))
    from workers.evaluator.score import evaluate  # noqa: PLC0415 - takes seconds, and a stop in it must be heard of

    return evaluate(run_folder, spec)


if __name__ == "__main__":
    run_child(main)
