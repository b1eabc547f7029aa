"""The files of the exporter's run folder, beside those of `RowsSpec`."""

FORMAT_NAME = "format"  # "jsonl" or "parquet"
TOTAL_NAME = "total_rows"  # how many good rows the version has, for the progress
RESULT_NAME = "export"
