"""Fetches what an import asks for into the run folder, from wherever it lies."""

from pathlib import Path

from finetune_app.datasets.import_source import Fetchable, Fetched, HubDataset, SharedFiles
from finetune_app.environment import environment, named_places
from finetune_app.storage.shared_places import address_of
from workers.row_importer.from_shared import fetch_from_shared


def fetch(source: Fetchable, run_folder: Path, *, limit: int) -> Fetched:
    """Fetch at most `limit` bytes; the files are whole when this returns.

    Raises:
        UserError: see `from_hub.py` and `from_shared.py`.
    """
    match source:
        case HubDataset():
            from workers.row_importer.from_hub import fetch_from_hub  # noqa: PLC0415 - its libraries take seconds

            return fetch_from_hub(source, run_folder, limit=limit)
        case SharedFiles():
            # Not through the run folder: the address may hold a key.
            places = named_places(environment().graft_import_sources)
            return fetch_from_shared(source, address_of(places, source.source), run_folder, limit=limit)
