"""The export with weights in int8 or int4: `workers/quantizer` makes it and measures what it lost."""

from pathlib import Path
from typing import Any

from adapters.base_code import may_run_code, require_code_allowed
from adapters.manifest import Manifest
from finetune_app.merges.export_options import QuantizedOptions
from finetune_app.merges.models import Export
from finetune_app.merges.options import MergeOptions
from workers.export_tasks.folders import MERGED_FOLDER, RESULT_FOLDER
from workers.export_tasks.keep_files import keep_files
from workers.export_tasks.place_merged import place_merged
from workers.merge_tasks.merge import place_proof_rows
from workers.quantizer.spec import QuantizeSpec
from workers.spec import SPEC_NAME, BaseDigests
from workers.task_program import TaskProgram


def prepare(export: Export, folder: Path) -> None:
    """Place the merged model, the rows that proved it, and the order.

    Raises:
        UserError: `base_code_not_allowed`.
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the disk is full.
    """
    merged_model = export.merged_model
    version, base, rows = merged_model.version, merged_model.base_revision, merged_model.dataset_version
    require_code_allowed(base)
    place_merged(merged_model, folder / MERGED_FOLDER)
    config = Manifest.model_validate(version.manifest).lineage.config
    spec = QuantizeSpec(
        scheme=QuantizedOptions.model_validate(export.options).scheme,
        base=f"{version}/{merged_model.number}",
        base_folder=Path(MERGED_FOLDER),
        base_digests=BaseDigests(
            weights_root=base.weights_root,
            arch_digest=base.arch_digest,
            tokenizer_digest=base.tokenizer_digest,
            chat_template_digest=base.chat_template_digest,
        ),
        adapter=str(version),
        manifest_sha256=version.manifest_sha256,
        options=MergeOptions.model_validate(merged_model.options),
        rows=place_proof_rows(rows, folder, config) if rows else None,
        trust_remote_code=may_run_code(base),
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())


def keep(export: Export, folder: Path, facts: dict[str, Any]) -> None:
    """Store the folder, with what was measured.

    Raises:
        WorkOver: somebody stopped it.
    """
    keep_files(export, folder / RESULT_FOLDER, facts)


QUANTIZED = TaskProgram("workers.quantizer", prepare, keep)
