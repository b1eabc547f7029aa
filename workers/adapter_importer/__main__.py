"""`python -m workers.adapter_importer RUN_FOLDER`: reads `adapter_import.json`, leaves `found.json` or `refusal.json`.

What becomes the version lies in the folder `adapter`.
"""

import hashlib
from pathlib import Path
from typing import Any

from adapters.manifest import MANIFEST_NAME
from finetune_app.errors import UserError
from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.adapter_importer.fetch import bring
from workers.adapter_importer.graft_manifest import read_manifest
from workers.adapter_importer.spec import (
    ADAPTER_FOLDER,
    BASE_FOLDER,
    FOUND_NAME,
    AdapterImportSpec,
    FoundAdapter,
    write_refusal,
)
from workers.child import emit, run_on_folder


def import_adapter(run_folder: Path) -> dict[str, Any]:
    """Fetch, unpack and check; the fact is whether it can be a version."""
    spec = AdapterImportSpec.load(run_folder)
    try:
        pins = bring(spec, run_folder)
        found = _check(spec, run_folder)
    except UserError as refusal:
        write_refusal(run_folder, refusal)
        return {"accepted": False}
    (run_folder / FOUND_NAME).write_text(found.model_copy(update={"pins": pins}).model_dump_json())
    return {"accepted": True}


def _check(spec: AdapterImportSpec, run_folder: Path) -> FoundAdapter:
    emit(PhaseEvent(phase=Phase.READING, done=0, total=0))
    from workers.adapter_importer import check  # noqa: PLC0415 - its libraries take seconds, and read their settings

    folder = run_folder / ADAPTER_FOLDER
    config = check.read_config(folder)
    manifest = read_manifest(folder)
    check.check_tensors(folder, config, run_folder / BASE_FOLDER, spec.base, trust_remote_code=spec.trust_remote_code)
    check.check_values(folder)
    return FoundAdapter(
        config=check.chosen_in(config),
        peft_version=str(config.get("peft_version") or ""),
        base=manifest and manifest.base,
        was=manifest
        and {
            "adapter": manifest.adapter,
            "version": manifest.version,
            "manifest_sha256": hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest(),
        },
    )


run_on_folder(import_adapter, reaches_hub=True)
