"""Child: makes the row index and the search file of the rows in a run folder."""

from pathlib import Path
from typing import Any

from workers.child import run_on_folder
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.row_indexer.names import INDEX_NAME, OWN_ROWS_NAME, SEARCH_NAME, TOTAL_NAME
from workers.row_indexer.placed_rows import placed_rows
from workers.row_indexer.writing import IndexWriter


def index(folder: Path) -> dict[str, Any]:
    """Index the rows; the facts are the totals.

    Raises:
        ChildFailure: BAD_ROWS, for a file that has no good row.
        UserError: the file is no longer what was checked.
    """
    spec = RowsSpec.load(folder)
    writer = IndexWriter(folder / INDEX_NAME, folder / SEARCH_NAME, int((folder / TOTAL_NAME).read_text()))
    return writer.write(placed_rows(spec, folder / OWN_ROWS_NAME))


if __name__ == "__main__":
    run_on_folder(index)
