"""Puts the small files of a base into a run folder: all that tokenizing needs, and no weights."""

from pathlib import Path

from adapters.base_code import may_run_code
from adapters.models import BaseRevision
from finetune_app.datasets.models import DatasetTask
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from workers.token_reporter.spec import BASE_FOLDER

WEIGHTS = ".safetensors"


def place_tokenizer(task: DatasetTask, run_folder: Path) -> bool:
    """Place the files of the base that the task names, but its weights; whether its own Python may run.

    Raises:
        UserError: the base is gone.
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the disk is full.
    """
    # The service that asked has made sure that base and version belong to one workspace; here it is looked at again.
    workspace = task.version.dataset.workspace
    base = BaseRevision.objects.filter(pk=task.params["base_revision"], base_model__workspace=workspace).first()
    if base is None:
        raise UserError("base_revision_not_found", "The base model is not there any more. Choose another one.")
    for file in base.files:
        if not file["path"].endswith(WEIGHTS):
            blobs.place(file["sha256"], run_folder / BASE_FOLDER / file["path"])
    return may_run_code(base)
