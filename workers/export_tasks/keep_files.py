"""Stores the files that an export's child left, and ends the export with them: all of them, or none."""

from pathlib import Path
from typing import Any

from finetune_app.merges.models import Export
from finetune_app.work import run_task
from workers.store_files import store_files


def keep_files(export: Export, folder: Path, result: dict[str, Any]) -> None:
    """End the export with every file below `folder`, and with what is to be said of it.

    Raises:
        WorkOver: somebody stopped it.
        blobs.BlobDamaged: a file changed while it was stored.
        OSError: the storage's disk is full.
    """
    files = store_files(export, folder)
    run_task.succeed(export, result, files=files, size=sum(file["size"] for file in files))
