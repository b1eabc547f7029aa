"""`python -m workers.findings RUN_FOLDER`: checks the rows of a dataset version.

The folder holds the rows with their `RowsSpec` and `count.json`; the child leaves `findings.jsonl` and `summary.json`.
"""

from pathlib import Path
from typing import Any

from workers.child import run_on_folder
from workers.findings.check_rows import check_rows


def main(run_folder: Path) -> dict[str, Any]:
    """Check the rows; the facts are the counts."""
    summary = check_rows(run_folder)
    return {"rows": summary.rows, "rows_found": summary.rows_with(frozenset(summary.codes))}


if __name__ == "__main__":
    run_on_folder(main)
