"""The manifest of a download of Graft, when it lies among the files: which base and version the adapter names."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adapters.adapter_folder_names import WEIGHTS
from adapters.manifest import MANIFEST_NAME, Manifest
from finetune_app.errors import UserError


def read_manifest(folder: Path) -> Manifest | None:
    """It; None when there is none, or a manifest of something else.

    Raises:
        UserError: `adapter_torn`: the weights are not those that it lists.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        return None
    try:
        manifest = Manifest.model_validate(_known(json.loads(path.read_bytes())))
    except (ValueError, RecursionError, ValidationError):
        return None
    listed = {file.path: file.sha256 for file in manifest.files}
    if WEIGHTS in listed and listed[WEIGHTS] != _sha256(folder / WEIGHTS):
        raise UserError(
            "adapter_torn",
            f"{WEIGHTS} is not the file that {MANIFEST_NAME} lists. Download the version again, or take "
            f"{MANIFEST_NAME} away when you changed the weights yourself.",
        )
    return manifest


def _known(content: Any) -> Any:
    """Without the lineage, which another release of Graft may write in another form."""
    return content | {"lineage": {}} if isinstance(content, dict) else content


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
