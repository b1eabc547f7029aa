"""The files of the indexer's run folder, beside those of `RowsSpec`."""

TOTAL_NAME = "total_rows"  # how many good rows the version has, for the progress
INDEX_NAME = "index.npy"
SEARCH_NAME = "search.sqlite"
OWN_ROWS_NAME = "own_rows.jsonl"  # only when the version's rows have no lines of their own
