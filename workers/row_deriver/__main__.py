"""Child: makes the rows of a new version out of others. `python -m workers.row_deriver RUN_FOLDER`, see `order.py`."""

import sys
from pathlib import Path
from typing import Any

from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure, run_program
from workers.row_deriver.choosing import Counts, choose, write_candidates
from workers.row_deriver.order import ORDER_NAME, RESULT_NAME, DeriveOrder
from workers.row_deriver.writing import write_rows


def main() -> dict[str, Any]:
    """Write `rows.jsonl`; the facts are the counts, which add up."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit("usage: python -m workers.row_deriver RUN_FOLDER")
    folder = Path(sys.argv[1]).resolve()
    order = DeriveOrder.model_validate_json((folder / ORDER_NAME).read_bytes())
    try:
        return derive(folder, order)
    except UserError as error:
        raise ChildFailure(Cause.BAD_ROWS, error.message) from error


def derive(folder: Path, order: DeriveOrder) -> dict[str, Any]:
    """Carry the steps out; returns `read` (of each parent), `dropped` (by each step) and `rows` (what is left)."""
    counts = Counts()
    lines = folder / "candidates.jsonl"
    candidates = write_candidates(folder, order, counts, lines)
    steps = order.steps
    chosen = choose(candidates, steps.sample, steps.shuffle, counts)
    if steps.sample or steps.shuffle or steps.split:
        write_rows(lines, candidates, chosen, steps.split, folder / RESULT_NAME)
    else:
        lines.replace(folder / RESULT_NAME)
    return {
        "read": [{"version": name, "rows": rows} for name, rows in zip(order.parents, counts.read, strict=True)],
        "dropped": counts.dropped,
        "rows": len(chosen),
    }


if __name__ == "__main__":
    run_program(main)
