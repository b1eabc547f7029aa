"""Reads the small files of a base revision from the storage."""

from adapters.base_texts import CODE_SUFFIX, TEXT_FILES
from adapters.models import BaseRevision
from finetune_app.errors import UserError
from finetune_app.storage import blobs

MOST_BYTES = 64 * 1024 * 1024  # a large tokenizer has about 30 MB


def read_base_texts(revision: BaseRevision) -> dict[str, bytes]:
    """Config, tokenizer files, chat template and its own code, by path.

    Raises:
        UserError: `base_file_too_large`.
        blobs.BlobMissing: the storage lost one.
        blobs.BlobDamaged: one is not what it was.
    """
    found = {}
    for file in revision.files:
        path = str(file["path"])
        if path not in TEXT_FILES and not path.endswith(CODE_SUFFIX):
            continue
        if file["size"] > MOST_BYTES:
            raise UserError("base_file_too_large", f"{path} of {revision} is too large to be looked into.")
        found[path] = blobs.read(file["sha256"])
    return found
