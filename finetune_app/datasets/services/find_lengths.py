"""The token lengths of a dataset version's rows for a base, when a worker has counted them."""

from functools import lru_cache
from typing import Any

from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.request_task import find_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.datasets.token_report import Lengths, read_lengths
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState


def tokens_params(base_revision_id: int) -> dict[str, Any]:
    """What tells one TOKENS task of a version from another."""
    return {"base_revision": base_revision_id}


def find_lengths(version: DatasetVersion, base_revision_id: int) -> Lengths | None:
    """The lengths, None while nobody has counted them.

    Raises:
        blobs.BlobMissing: the storage lost them.
        blobs.BlobDamaged: the file in the storage is not what it was.
    """
    task = find_task(version, TaskKind.TOKENS, tokens_params(base_revision_id))
    return lengths_of(task) if task and task.state == TaskState.SUCCEEDED else None


def lengths_of(task: DatasetTask) -> Lengths:
    """What a TOKENS task that succeeded has counted.

    Raises:
        blobs.BlobMissing: the storage lost them.
        blobs.BlobDamaged: the file in the storage is not what it was.
    """
    return _read(str(task.result["lengths"]))


@lru_cache(maxsize=4)  # 13 MB for a million rows; somebody who tries max lengths asks for the same ones again and again
def _read(sha256: str) -> Lengths:
    lengths = read_lengths(blobs.read(sha256))
    lengths.flags.writeable = False
    return lengths
