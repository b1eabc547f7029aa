"""What can be downloaded of a merged model, or of an export: each of its files, and `SHA256SUMS` for all of them."""

from functools import partial
from pathlib import Path
from typing import TypeVar

from django.http import HttpResponseBase

from adapters.downloads import BINARY, CONTENT_TYPES
from adapters.manifest import CHECKSUMS_NAME, ManifestFile
from finetune_app.errors import NotFound
from finetune_app.merges.models import Export, MergedModel
from finetune_app.storage.spans import blob_pieces
from finetune_app.web.ranged import ASK_AGAIN, Content, bytes_content

R = TypeVar("R", bound=HttpResponseBase)
WithFiles = MergedModel | Export


def own_files(merged: WithFiles) -> list[ManifestFile]:
    """The files that it is made of, by path."""
    return sorted((ManifestFile.model_validate(file) for file in merged.files), key=lambda file: file.path)


def listed_files(merged: WithFiles) -> list[ManifestFile]:
    """Every file that can be downloaded: its own, and `SHA256SUMS`."""
    sums = checksums(merged)
    return [*own_files(merged), ManifestFile(path=CHECKSUMS_NAME, size=sums.size, sha256=sums.sha256)]


def checksums(merged: WithFiles) -> Content:
    """`SHA256SUMS` for `sha256sum --check`. It lies nowhere: it follows from the files."""
    lines = [f"{file.sha256}  {file.path}\n" for file in own_files(merged)]
    return bytes_content(CHECKSUMS_NAME, "".join(lines).encode(), CONTENT_TYPES[".txt"])


def is_stored(path: str) -> bool:
    """Whether the file at this path lies in the storage."""
    return path != CHECKSUMS_NAME


def file_content(merged: WithFiles, path: str) -> Content:
    """One file of the merged model.

    Raises:
        NotFound: it has no such file.
    """
    if not is_stored(path):
        return checksums(merged)
    found = next((file for file in own_files(merged) if file.path == path), None)
    if found is None:
        raise NotFound("file", path)
    name = path.rpartition("/")[2]
    return Content(
        file_name=name,
        size=found.size,
        sha256=found.sha256,
        read=partial(blob_pieces, found.sha256),
        content_type=CONTENT_TYPES.get(Path(name).suffix, BINARY),
    )


def answer_for(merged: MergedModel, response: R) -> R:
    """The response, kept by a browser only until it asks again: what an address means may move, or go."""
    response["Graft-Version"] = str(merged.version)
    response["Graft-Merged-Model"] = str(merged.number)
    if "Location" not in response:
        response["Cache-Control"] = ASK_AGAIN
    return response
