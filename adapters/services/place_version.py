"""Puts the weights and the peft config of an adapter version into a folder on this machine."""

from pathlib import Path

from adapters.models import AdapterVersion
from finetune_app.storage import blobs

NEEDED = frozenset({"adapter_model.safetensors", "adapter_config.json"})


def place_version(version: AdapterVersion, folder: Path) -> None:
    """Make `folder` with what peft needs to load the version; where the storage is on the same disk, by links.

    Raises:
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the disk is full.
    """
    folder.mkdir(parents=True)
    for file in version.manifest["files"]:
        if file["path"] in NEEDED:
            blobs.place(file["sha256"], folder / file["path"])
