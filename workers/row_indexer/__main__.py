"""Child: makes the row index and the search file of the rows in a run folder."""

import sys
from pathlib import Path
from typing import Any

from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure, run_program
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.row_indexer.names import INDEX_NAME, OWN_ROWS_NAME, SEARCH_NAME, TOTAL_NAME
from workers.row_indexer.placed_rows import placed_rows
from workers.row_indexer.writing import IndexWriter


def main() -> dict[str, Any]:
    """Index the rows; the facts are the totals.

    Raises:
        ChildFailure: BAD_ROWS, for a file that is no longer what was checked or has no good row.
    """
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit("usage: python -m workers.row_indexer RUN_FOLDER")
    folder = Path(sys.argv[1]).resolve()
    spec = RowsSpec.load(folder)
    writer = IndexWriter(folder / INDEX_NAME, folder / SEARCH_NAME, int((folder / TOTAL_NAME).read_text()))
    try:
        rows = placed_rows(spec, folder / OWN_ROWS_NAME)
        return writer.write(rows)
    except UserError as error:
        raise ChildFailure(Cause.BAD_ROWS, error.message) from error


if __name__ == "__main__":
    run_program(main)
