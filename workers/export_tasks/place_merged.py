"""Puts the files of a merged model into a folder on this machine, for an export that reads them."""

from pathlib import Path

from finetune_app.merges.models import MergedModel
from finetune_app.storage import blobs


def place_merged(merged_model: MergedModel, folder: Path) -> None:
    """Make `folder` with all files of the merged model; where the storage is on the same disk, by links.

    They are read-only: a link is the blob itself.

    Raises:
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the disk is full.
    """
    folder.mkdir(parents=True)
    for file in merged_model.files:
        blobs.place(file["sha256"], folder / file["path"])
