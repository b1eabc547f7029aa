"""`python -m workers.base_importer RUN_FOLDER`: reads `base_spec.json`, leaves `digested.json` or `refusal.json`.

Files that are not here yet it fetches first. It hashes with all cores of the machine.
"""

from pathlib import Path
from typing import Any

from adapters.base_digests import base_digests
from adapters.base_source import FetchableBase, HubModel, SharedBase
from finetune_app.environment import environment, named_places
from finetune_app.errors import UserError
from finetune_app.jobs.states import Phase
from finetune_app.storage.shared_places import address_of, folder_here
from finetune_app.uploads.too_large import base_too_large
from workers.base_importer.from_shared import copy_from_shared
from workers.child import run_on_folder
from workers.progress import Progress
from workers.registry_tasks.base_spec import UPLOADED, BaseImportSpec, DigestedBase, write_digested, write_refusal


def import_base(run_folder: Path) -> dict[str, Any]:
    """Fetch the files and hash them; the fact is whether they are a base model."""
    spec = BaseImportSpec.load(run_folder)
    try:
        write_digested(run_folder, _digest(spec, run_folder))
    except UserError as refusal:
        write_refusal(run_folder, refusal)
        return {"accepted": False}
    return {"accepted": True}


def _digest(spec: BaseImportSpec, run_folder: Path) -> DigestedBase:
    folder, pins = _fetch(spec.fetch, run_folder, spec.limit) if spec.fetch else (run_folder / UPLOADED, {})
    progress = Progress(Phase.READING, 0)

    def hashed(done: int, total: int) -> None:
        progress.total = total
        progress.reach(done)

    stays = not folder.is_relative_to(run_folder)
    digests = base_digests(folder, notes=spec.notes if stays else None, on_progress=hashed)
    if digests.size > spec.limit:
        raise base_too_large(digests.size, spec.limit)
    return DigestedBase(folder=folder, digests=digests, pins=pins)


def _fetch(source: FetchableBase, run_folder: Path, limit: int) -> tuple[Path, dict[str, str]]:
    """The folder in which the files lie when this returns, and what pins them."""
    match source:
        case HubModel():
            from workers.base_importer.from_hub import fetch_from_hub  # noqa: PLC0415 - its libraries take seconds

            folder, commit = fetch_from_hub(source, run_folder, limit=limit)
            return folder, {"commit": commit}
        case SharedBase():
            # Not through the run folder: the address may hold a key.
            address = address_of(named_places(environment().graft_import_sources), source.source)
            here = folder_here(address, source.path)
            return here or copy_from_shared(source, address, run_folder, limit=limit), {}


run_on_folder(import_base, reaches_hub=True)
