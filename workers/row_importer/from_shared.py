"""Copies files out of a shared place into the run folder, so that they cannot change while they are read."""

from pathlib import Path

from finetune_app.datasets.file_kinds import ROW_FILE_ENDINGS
from finetune_app.datasets.import_source import Fetched, FetchedFile, SharedFiles
from finetune_app.errors import UserError
from finetune_app.jobs.states import Phase
from finetune_app.storage.shared_places import SharedFile, find_file, look_into
from workers.copy_shared import copy_shared
from workers.hub.too_large import refuse_too_large
from workers.progress import Progress

FOLDER = "shared"


def fetch_from_shared(source: SharedFiles, address: str, folder: Path, *, limit: int) -> Fetched:
    """Copy the file, or all files directly in the folder, that `source` names.

    Args:
        source: what to fetch.
        address: of the place that it names.
        folder: the run folder.
        limit: bytes of all files together.

    Raises:
        UserError: `no_files`, `path_unknown`, `import_too_large`, `file_changed`, `invalid_path`, or
            `source_unreachable`.
    """
    files = _chosen(source, address)
    refuse_too_large(sum(file.size for file in files), limit)
    (folder / FOLDER).mkdir()
    progress = Progress(Phase.DOWNLOADING, sum(file.size for file in files))
    fetched = []
    for number, file in enumerate(files):
        path = f"{FOLDER}/{number}"
        copy_shared(address, file, folder / path, progress)
        fetched.append(FetchedFile(path=path, file_name=file.path, size=file.size))
    return Fetched(files=fetched, pins={"e_tags": {file.path: file.e_tag for file in files}})


def _chosen(source: SharedFiles, address: str) -> list[SharedFile]:
    file = find_file(address, source.path)
    if file is not None:
        return [file]
    found = look_into(address, source.path, ROW_FILE_ENDINGS)
    if found.files:
        return found.files
    if not found.folders:
        raise UserError(
            "path_unknown",
            f"There is no file “{source.path}” in {source.source}, and no folder with files that hold rows. "
            "Choose another path.",
            field="path",
        )
    names = ", ".join(folder.rpartition("/")[2] for folder in found.folders[:5])
    raise UserError(
        "no_files", f"“{source.path or '/'}” holds folders only ({names}). Choose one of them.", field="path"
    )
