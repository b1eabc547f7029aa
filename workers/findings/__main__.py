"""`python -m workers.findings RUN_FOLDER`: checks the rows of a dataset version.

The folder holds the rows with their `RowsSpec` and `count.json`; the child leaves `findings.jsonl` and `summary.json`.
"""

import sys
from pathlib import Path
from typing import Any

from workers.child import run_program
from workers.findings.check_rows import check_rows


def main() -> dict[str, Any]:
    """Check the rows of the run folder on the command line."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit("usage: python -m workers.findings RUN_FOLDER")
    summary = check_rows(Path(sys.argv[1]).resolve())
    return {"rows": summary.rows, "rows_found": summary.rows_with(frozenset(summary.codes))}


if __name__ == "__main__":
    run_program(main)
