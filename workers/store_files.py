"""Stores the files that a child left in a folder, telling how far that is."""

from pathlib import Path
from typing import Any

from finetune_app.jobs.states import Phase
from finetune_app.storage import blobs
from finetune_app.work import run_task
from finetune_app.work.run_task import Work


def store_files(work: Work, folder: Path) -> list[dict[str, Any]]:
    """Every file below `folder` as a blob: `path`, `size` and `sha256` of each, by path.

    A file that the storage has already (a tokenizer that went along as it was) is kept once.

    Raises:
        WorkOver: somebody stopped the work, or took it; nothing more is stored.
        blobs.BlobDamaged: a file changed while it was stored.
        OSError: the storage's disk is full.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    total, done = sum(path.stat().st_size for path in paths), 0
    files = []
    for path in paths:
        run_task.beat(work, done=done, total=total, phase=Phase.SAVING.value)
        blob = blobs.put_file(path)
        done += blob.size
        files.append({"path": path.relative_to(folder).as_posix(), "size": blob.size, "sha256": blob.sha256})
    return files
