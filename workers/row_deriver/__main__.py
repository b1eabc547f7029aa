"""Child: makes the rows of a new version out of others. `python -m workers.row_deriver RUN_FOLDER`, see `order.py`."""

from pathlib import Path
from typing import Any

from finetune_app.datasets.checking import CheckReport, NamedFile, take_in
from finetune_app.datasets.how_to_read import HowToRead
from workers.child import run_on_folder, stop_if_asked
from workers.dataset_tasks.report_files import write_report
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.row_deriver.choosing import Counts, choose, write_candidates
from workers.row_deriver.order import ORDER_NAME, RESULT_NAME, DeriveOrder
from workers.row_deriver.writing import write_rows


def derive(folder: Path) -> dict[str, Any]:
    """Carry the steps out; returns `read` (of each parent), `dropped` (by each step) and `rows` (what is left).

    Leaves `rows.jsonl` and, when a row is left, `report.json`: the rows are checked as those of an upload are.

    Raises:
        UserError: a parent's file is no longer what was checked.
    """
    order = DeriveOrder.model_validate_json((folder / ORDER_NAME).read_bytes())
    counts = Counts()
    lines = folder / "candidates.jsonl"
    candidates = write_candidates(folder, order, counts, lines)
    steps = order.steps
    chosen = choose(candidates, steps.sample, steps.shuffle, counts)
    if steps.sample or steps.shuffle or steps.split:
        write_rows(lines, candidates, chosen, steps.split, folder / RESULT_NAME)
    else:
        lines.replace(folder / RESULT_NAME)
    if len(chosen):
        write_report(folder, _check(folder))
    return {
        "read": [{"version": name, "rows": rows} for name, rows in zip(order.parents, counts.read, strict=True)],
        "dropped": counts.dropped,
        "rows": len(chosen),
    }


def _check(folder: Path) -> CheckReport:
    path = folder / RESULT_NAME
    how = HowToRead(RowsSpec.load(folder / "0").row_form)
    with path.open("rb") as file:
        checked = take_in([NamedFile(path.name, file)], folder, how, on_rows=lambda _: stop_if_asked())
    if checked.path:
        checked.path.replace(path)
    return checked.report


if __name__ == "__main__":
    run_on_folder(derive)
