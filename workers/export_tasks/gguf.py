"""The export as a GGUF file: `workers/gguf_exporter` writes it, reads it back and asks it."""

from pathlib import Path
from typing import Any

from adapters.manifest import Manifest
from finetune_app.merges.export_options import GgufOptions
from finetune_app.merges.models import Export, MergedModel
from finetune_app.merges.provenance import hub_origin
from workers.export_tasks.folders import MERGED_FOLDER, RESULT_FOLDER
from workers.export_tasks.keep_files import keep_files
from workers.export_tasks.place_merged import place_merged
from workers.gguf_exporter.spec import GgufSpec
from workers.spec import SPEC_NAME
from workers.task_program import TaskProgram

HUB_ADDRESS = "https://huggingface.co/{repo_id}"


def prepare(export: Export, folder: Path) -> None:
    """Place the merged model and the order.

    Raises:
        blobs.BlobMissing: the storage lost a file.
        OSError: the disk is full.
    """
    merged_model = export.merged_model
    version = merged_model.version
    place_merged(merged_model, folder / MERGED_FOLDER)
    origin = hub_origin(merged_model)
    spec = GgufSpec(
        folder=Path(MERGED_FOLDER),
        result_folder=Path(RESULT_FOLDER),
        type=GgufOptions.model_validate(export.options).type,
        name=f"{version.adapter.name}-v{version.number}",
        base=str(merged_model.base_revision),
        base_address=HUB_ADDRESS.format(**origin) if origin else "",
        license=str(Manifest.model_validate(version.manifest).lineage.facts.get("license") or ""),
        provenance=_provenance(merged_model),
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())


def _provenance(merged_model: MergedModel) -> dict[str, str]:
    """What the file says of where it comes from."""
    version, base = merged_model.version, merged_model.base_revision
    return {
        "adapter": f"{version.adapter.name}@{version.number}",
        "adapter.manifest_sha256": version.manifest_sha256,
        "base": str(base),
        "base.weights_root": base.weights_root,
        "merged_model": str(merged_model.number),
        "merged_model.verdict": merged_model.verdict,
        "merged_model.report_sha256": merged_model.report_sha256,
    }


def keep(export: Export, folder: Path, facts: dict[str, Any]) -> None:
    """Store the file, with what was measured.

    Raises:
        WorkOver: somebody stopped it.
    """
    keep_files(export, folder / RESULT_FOLDER, facts)


GGUF = TaskProgram("workers.gguf_exporter", prepare, keep)
