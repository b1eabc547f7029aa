"""A base's files but for its weights: config, tokenizer, and where allowed its own Python."""

from pathlib import Path

from adapters.models import BaseRevision
from finetune_app.errors import UserError
from finetune_app.storage import blobs

WEIGHTS = ".safetensors"


def place_small_base_files(base: BaseRevision, folder: Path) -> None:
    """Make `folder` with them, for a child that builds the model without weights.

    Raises:
        UserError: `base_code_not_allowed`.
        blobs.BlobMissing: the storage lost a file.
    """
    if base.has_code and not base.trust_remote_code:
        raise UserError(
            "base_code_not_allowed",
            f"{base} is built by Python of its own, which an admin has not allowed. Ask one to allow it on the base's "
            "page, or choose another base.",
            field="base",
        )
    folder.mkdir()
    for file in base.files:
        if not file["path"].endswith(WEIGHTS):
            target = folder / file["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            blobs.place(file["sha256"], target)
