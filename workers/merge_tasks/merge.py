"""The merge of an adapter version: lays out base, adapter and rows, and keeps merged weights and proof together.

`workers/merger` writes the weights, `workers/merge_prover` loads them anew and measures them; see `merge_spec.py`.
"""

from pathlib import Path
from typing import Any

from adapters.base_code import may_run_code, require_code_allowed
from adapters.manifest import Manifest
from adapters.models import BaseRevision
from adapters.services.place_version import place_version
from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.datasets.models import DatasetVersion
from finetune_app.errors import UserError
from finetune_app.jobs.causes import SENTENCES, Cause
from finetune_app.merges.models import MergedModel
from finetune_app.merges.options import MergeOptions
from finetune_app.merges.report import REPORT_NAME, MergeReport
from finetune_app.merges.services.keep_merge import keep_merge
from finetune_app.merges.states import WeightsDtype
from finetune_app.merges.trained_on import four_bits_of
from finetune_app.storage import blobs
from workers.merge_spec import ADAPTER_FOLDER, MERGED_FOLDER, MergeSpec, Rows
from workers.prepare_run import BaseDamaged, cached_base
from workers.spec import SPEC_NAME, BaseDigests
from workers.store_files import store_files
from workers.task_program import TaskProgram


def prepare(work: MergedModel, folder: Path) -> None:
    """Place the adapter, the rows and the order; the base is where this machine keeps it.

    Raises:
        UserError: `base_code_not_allowed`, or a file of the base is not what it was.
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the disk is full.
    """
    base, version = work.base_revision, work.version
    require_code_allowed(base)
    place_version(version, folder / ADAPTER_FOLDER)
    lineage = Manifest.model_validate(version.manifest).lineage
    trained = four_bits_of(version.manifest)
    spec = MergeSpec(
        base=str(base),
        base_folder=_placed(base),
        base_digests=BaseDigests(
            weights_root=base.weights_root,
            arch_digest=base.arch_digest,
            tokenizer_digest=base.tokenizer_digest,
            chat_template_digest=base.chat_template_digest,
        ),
        adapter=str(version),
        manifest_sha256=version.manifest_sha256,
        options=MergeOptions.model_validate(work.options),
        rows=place_proof_rows(work.dataset_version, folder, lineage.config) if work.dataset_version else None,
        trust_remote_code=may_run_code(base),
        **_trained_as(lineage.facts),
        **({"is_quantized": True, "quant_type": trained.kind, "double_quant": trained.double} if trained else {}),
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json(indent=2))


def keep(work: MergedModel, folder: Path, _facts: dict[str, Any]) -> None:
    """Store the merged weights and their proof, also that of a rejected one, and end the merge.

    Raises:
        WorkOver: somebody stopped it, or took it.
        blobs.BlobDamaged: a file changed while it was stored.
        OSError: the storage's disk is full.
    """
    content = (folder / REPORT_NAME).read_bytes()
    report = MergeReport.model_validate_json(content)
    files = store_files(work, folder / MERGED_FOLDER)
    keep_merge(work, files=files, report=report, report_sha256=blobs.put_bytes(content).sha256)


def _placed(base: BaseRevision) -> Path:
    try:
        return cached_base(base)
    except BaseDamaged as damaged:
        detail = f"In the storage, {damaged} is not what it was; take it back from a backup."
        raise UserError(Cause.BASE_CHANGED.value, f"{SENTENCES[Cause.BASE_CHANGED]} {detail}") from damaged


def place_proof_rows(rows: DatasetVersion, folder: Path, config: dict[str, Any]) -> Rows:
    """The rows' file; the config says which of them were held out while the version was trained."""
    name = f"rows.{rows.file_format}"
    blobs.place(rows.sha256, folder / name)
    return Rows(
        file=Path(name),
        file_format=FileFormat(rows.file_format),
        row_form=RowForm(rows.row_form),
        bad_rows=rows.rows_to_skip,
        config=config,
    )


def _trained_as(facts: dict[str, Any]) -> dict[str, Any]:
    """What the training computed in, when it said so."""
    dtype = facts.get("compute_dtype")
    return {"compute_dtype": dtype} if dtype in set(WeightsDtype) else {}


MERGE = TaskProgram("workers.merger", prepare, keep, then=("workers.merge_prover",))
