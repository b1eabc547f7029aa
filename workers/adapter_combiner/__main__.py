"""Child: several adapters become one. `python -m workers.adapter_combiner RUN_FOLDER`, see `spec.py`."""

from pathlib import Path
from typing import Any

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.adapter_combiner.spec import FOUND_NAME, CombinationSpec
from workers.child import emit, run_on_folder


def main(run_folder: Path) -> dict[str, Any]:
    """Leave the adapter and what is known of it."""
    emit(PhaseEvent(phase=Phase.LOADING))
    from workers.adapter_combiner.combine import combine  # noqa: PLC0415 - takes seconds; a stop in it must be heard of

    found = combine(run_folder, CombinationSpec.load(run_folder))
    (run_folder / FOUND_NAME).write_text(found.model_dump_json())
    return {}


if __name__ == "__main__":
    run_on_folder(main)
