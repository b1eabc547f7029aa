"""Puts the rows of a dataset version into a run folder."""

from pathlib import Path

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.datasets.models import DatasetVersion
from finetune_app.storage import blobs
from workers.dataset_tasks.rows_spec import ROWS_SPEC_NAME, RowsSpec


def place_rows(version: DatasetVersion, run_folder: Path) -> RowsSpec:
    """Place the version's file and its `RowsSpec`.

    Raises:
        blobs.BlobMissing: the storage lost the file.
        blobs.BlobDamaged: the file in the storage is not what it was.
        OSError: the disk is full.
    """
    name = f"rows.{version.file_format}"
    blobs.place(version.sha256, run_folder / name)
    spec = RowsSpec(
        rows_file=Path(name),
        file_format=FileFormat(version.file_format),
        row_form=RowForm(version.row_form),
        bad_rows=version.rows_to_skip,
    )
    (run_folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())
    return spec
