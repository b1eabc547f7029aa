"""The rows of a Parquet file, each an object of its columns. Pure; read batch by batch, so that memory stays flat."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from finetune_app.datasets.file_kinds import refusal
from finetune_app.errors import UserError

BATCH_ROWS = 512
BUFFER_BYTES = 1024 * 1024
FAULTS = (pa.ArrowException, OSError, ValueError, TypeError, OverflowError)


def read_parquet(file: BinaryIO, *, limit: int) -> Iterator[dict[str, Any]]:
    """The rows in order.

    Args:
        file: with its end at hand: a Parquet file is read from there.
        limit: bytes that its columns may have, unpacked.

    Raises:
        UserError: `not_parquet` or `unpacked_too_large`, beside the field `file`.
    """
    try:
        table = pq.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)
        groups = table.metadata.num_row_groups
        unpacked = sum(table.metadata.row_group(group).total_byte_size for group in range(groups))
    except FAULTS as error:
        raise _damaged(error) from None
    if unpacked > limit:
        raise UserError(
            "unpacked_too_large",
            f"Unpacked, the file is larger than the limit of {limit // 2**20:,} MiB. Split it.",
            field="file",
            status=413,
        )
    batches = table.iter_batches(batch_size=BATCH_ROWS)
    while True:
        try:
            batch = next(batches, None)
            rows = batch.to_pylist() if batch is not None else None
        except FAULTS as error:
            raise _damaged(error) from None
        if rows is None:
            return
        yield from rows


def _damaged(error: Exception) -> UserError:
    said = " ".join(str(error).split())[:200]
    return refusal("not_parquet", f"The Parquet file cannot be read: {said}. Write it anew and upload it.")
