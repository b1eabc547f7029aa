"""Child: writes the good rows as JSONL or Parquet. `python -m workers.row_exporter RUN_FOLDER`, see `names.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure, run_on_folder
from workers.dataset_tasks.row_lines import good_row_lines
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.progress import Progress
from workers.row_exporter.names import FORMAT_NAME, RESULT_NAME, TOTAL_NAME

BATCH_ROWS = 20_000
BATCH_BYTES = 16 * 1024 * 1024  # of JSON; as Python objects it takes several times as much
PASSES = {"jsonl": 1, "parquet": 2}
Lines = list[bytes]

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=float).decode  # 1e999 is no reason to refuse a row


def export(folder: Path) -> dict[str, Any]:
    """Write the file `export`; the facts are how many rows it has.

    Raises:
        UserError: the file is no longer what was checked.
    """
    file_format = (folder / FORMAT_NAME).read_text()
    batches = _Batches(folder, passes=PASSES[file_format])
    write = _write_parquet if file_format == "parquet" else _write_lines
    return {"rows": write(batches, folder / RESULT_NAME)}


def _write_lines(batches: "_Batches", path: Path) -> int:
    rows = 0
    with path.open("wb") as file:
        for lines in batches:
            file.writelines(part for line in lines for part in (line, b"\n"))
            rows += len(lines)
    return rows


def _write_parquet(batches: "_Batches", path: Path) -> int:
    """One row group for each batch; the types are found in a first pass over all rows."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415 - JSONL does not need it

    from workers.row_exporter.columns import Columns  # noqa: PLC0415

    columns = Columns()
    try:
        for lines in batches:
            columns.look_at([_decode(line) for line in lines])
    except ValueError as error:
        raise ChildFailure(Cause.BAD_ROWS, f"{error} Download JSONL instead.") from error
    rows = 0
    with pq.ParquetWriter(path, columns.schema(), compression="zstd") as writer:
        for lines in batches:
            writer.write_batch(columns.batch([_decode(line) for line in lines]))
            rows += len(lines)
    return rows


class _Batches:
    """The lines of the good rows, as many at a time as fit into memory; each pass tells how far it is."""

    def __init__(self, folder: Path, *, passes: int) -> None:
        self._spec = RowsSpec.load(folder)
        self._progress = Progress(Phase.SAVING, passes * int((folder / TOTAL_NAME).read_text()))

    def __iter__(self) -> Iterator[Lines]:
        lines: Lines = []
        size = 0
        for found in good_row_lines(self._spec):
            lines.append(found.line)
            size += len(found.line)
            if len(lines) == BATCH_ROWS or size >= BATCH_BYTES:
                yield lines
                self._progress.add(len(lines))
                lines, size = [], 0
        if lines:
            yield lines
            self._progress.add(len(lines))


if __name__ == "__main__":
    run_on_folder(export)
