"""Child: proves a merged model. `python -m workers.merge_prover RUN_FOLDER` (see `workers/merge_spec.py`)."""

from pathlib import Path
from typing import Any

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, run_on_folder


def main(run_folder: Path) -> dict[str, Any]:
    """Leave `report.json`; the facts say how it ended."""
    emit(PhaseEvent(phase=Phase.PROVING))
    from workers.merge_prover.prove import prove  # noqa: PLC0415 - takes seconds, and a stop in it must be heard of

    report = prove(run_folder)
    return {"verdict": str(report.verdict), "failed": [str(gate.name) for gate in report.gates if not gate.passed]}


if __name__ == "__main__":
    run_on_folder(main)
