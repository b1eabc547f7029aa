"""Brings what an import asks for into one folder: from uploads, the hub, or a shared folder, unpacked where packed."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from adapters.adapter_source import HubAdapter, SharedAdapter
from finetune_app.environment import environment, named_places
from finetune_app.errors import UserError
from finetune_app.jobs.states import Phase
from finetune_app.storage.shared_places import SharedFile, address_of, find_file, look_into
from workers.adapter_importer.pick import pick
from workers.adapter_importer.spec import ADAPTER_FOLDER, AdapterImportSpec
from workers.adapter_importer.unpack import ARCHIVE_ENDINGS, is_archive, unpack
from workers.copy_shared import copy_shared
from workers.hub.too_large import refuse_too_large
from workers.progress import Progress

CACHE, ARCHIVE = "hub_cache", "archive"
KINDS = (".json", ".jinja", ".model", ".safetensors", ".txt", ".bin", ".pt", *ARCHIVE_ENDINGS)


def bring(spec: AdapterImportSpec, run_folder: Path) -> dict[str, Any]:
    """Put the adapter's files into its folder; what pins them, where they were fetched.

    Raises:
        UserError: they cannot be fetched or unpacked, are too large, or are no adapter.
    """
    folder = run_folder / ADAPTER_FOLDER
    folder.mkdir()
    match spec.fetch:
        case HubAdapter():
            return _from_hub(spec.fetch, folder, run_folder / CACHE, limit=spec.fetch_limit)
        case SharedAdapter():
            return _from_shared(spec.fetch, folder, run_folder / ARCHIVE, spec)
        case None:
            _from_uploads(spec, folder)
            return {}


def _from_uploads(spec: AdapterImportSpec, folder: Path) -> None:
    [(path, name), *others] = spec.files
    if is_archive(name) and not others:
        unpack(path, name, folder, pick, limit=spec.unpack_limit)
        return
    files = {name: path for path, name in spec.files}
    if len(files) < len(spec.files):
        raise UserError("file_twice", "Two files have the same name. Send those of one adapter's folder.")
    for target, source in pick(files).items():
        _place(files[source], folder / target)


def _place(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.symlink_to(path.resolve())


def _from_hub(asked: HubAdapter, folder: Path, cache: Path, *, limit: int) -> dict[str, Any]:
    from workers.hub.set_up import set_up_libraries  # noqa: PLC0415 - only now: they read their settings at import

    set_up_libraries(cache)
    from workers.hub.asked import AskedRepo  # noqa: PLC0415
    from workers.hub.errors import explain_errors  # noqa: PLC0415
    from workers.hub.repo_files import RepoFiles  # noqa: PLC0415

    repo = AskedRepo("model", asked.repo_id, asked.revision)
    with explain_errors(repo):
        found = RepoFiles(repo)
        names = _below(found.paths, asked.subfolder)
        picked = _pick_beside(list(names), "subfolder" if asked.subfolder else "repo_id")
        wanted = [names[source] for source in picked.values()]
        sizes = found.sizes(wanted)
        refuse_too_large(sum(sizes), limit)
        found.download(wanted, sizes, cache / "repo")
    for target, source in picked.items():
        _place(cache / "repo" / names[source], folder / target)
    return {"commit": found.commit}


def _below(paths: list[str], subfolder: str) -> dict[str, str]:
    """The files in the subfolder, by their path in it."""
    top = PurePosixPath(subfolder.strip("/"))
    found = [PurePosixPath(path) for path in paths]
    return {path.relative_to(top).as_posix(): str(path) for path in found if path.is_relative_to(top)}


def _pick_beside(names: list[str], field: str) -> Mapping[str, str]:
    """As `pick`; what is wrong belongs to the field that says where to look."""
    try:
        return pick(names)
    except UserError as error:
        raise UserError(error.code, error.message, field=field) from error


def _from_shared(asked: SharedAdapter, folder: Path, archive: Path, spec: AdapterImportSpec) -> dict[str, Any]:
    # Not through the run folder: the address may hold a key.
    address = address_of(named_places(environment().graft_import_sources), asked.source)
    file = find_file(address, asked.path)
    if file is not None and is_archive(file.name):
        _copy_all(address, {archive: file}, spec.fetch_limit)
        unpack(archive, file.name, folder, pick, limit=spec.unpack_limit)
        return {"e_tags": {file.path: file.e_tag}}
    if file is not None:
        raise UserError("path_unknown", f"“{file.path}” is no archive. Name the adapter's folder.", field="path")
    files = {found.name: found for found in look_into(address, asked.path, KINDS).files if not is_archive(found.name)}
    wanted = {folder / target: files[source] for target, source in _pick_beside(list(files), "path").items()}
    _copy_all(address, wanted, spec.fetch_limit)
    return {"e_tags": {found.path: found.e_tag for found in wanted.values()}}


def _copy_all(address: str, files: Mapping[Path, SharedFile], limit: int) -> None:
    total = sum(file.size for file in files.values())
    refuse_too_large(total, limit)
    progress = Progress(Phase.DOWNLOADING, total)
    for to, file in files.items():
        copy_shared(address, file, to, progress)
