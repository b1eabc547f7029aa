"""Lays out the run folder of an attempt: the base's files, the dataset version's bytes and `spec.json`."""

import hashlib
import shutil
import uuid
from pathlib import Path

from django.conf import settings

from adapters.base_code import may_run_code
from adapters.models import BaseRevision
from adapters.services.place_base import place_base
from adapters.services.place_version import place_version
from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.jobs.methods import load_config
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.memory_factor import memory_factor_of
from finetune_app.storage import blobs
from workers.place_checkpoint import FOLDER as RESUME_FOLDER
from workers.place_checkpoint import place_checkpoint
from workers.relay import Relay
from workers.spec import SPEC_NAME, BaseDigests, RunSpec

CONTINUE_FOLDER = "continues"


class BaseDamaged(Exception):
    """A file of the base is not in the storage as it was registered; says which."""


def prepare_run(job: Job, run_folder: Path, relay: Relay) -> int:
    """Put all that the children need into `run_folder`; the step that the run goes on from, 0 for the beginning.

    Raises:
        BaseDamaged: a file of the base is not what it was.
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
        OSError: the disk is full.
    """
    run_folder.mkdir(parents=True)
    base, version = job.base_revision, job.dataset_version
    rows_file = run_folder / f"rows.{version.file_format}"
    blobs.place(version.sha256, rows_file)
    step = place_checkpoint(job, run_folder, relay)
    spec = RunSpec(
        job=str(job.number),
        adapter_name=job.adapter_name,
        base_name=base.base_model.name,
        base_folder=cached_base(base),
        base_digests=BaseDigests(
            weights_root=base.weights_root,
            arch_digest=base.arch_digest,
            tokenizer_digest=base.tokenizer_digest,
            chat_template_digest=base.chat_template_digest,
        ),
        rows_file=Path(rows_file.name),
        file_format=FileFormat(version.file_format),
        row_form=RowForm(version.row_form),
        bad_rows=version.rows_to_skip,
        config=load_config(job.config),
        resume_folder=Path(RESUME_FOLDER) if step else None,
        continue_folder=_place_ancestor(job, run_folder),
        processes=job.gpus,
        trust_remote_code=may_run_code(base),
        memory_factor=memory_factor_of(job),
    )
    (run_folder / SPEC_NAME).write_text(spec.model_dump_json(indent=2))
    return step


def _place_ancestor(job: Job, run_folder: Path) -> Path | None:
    """The folder, inside the run folder, of the adapter version that the job continues from."""
    if job.continues is None:
        return None
    place_version(job.continues, run_folder / CONTINUE_FOLDER)
    return Path(CONTINUE_FOLDER)


def cached_base(base: BaseRevision) -> Path:
    """The base's files on this machine, kept from job to job under a name made of all their digests.

    Raises:
        BaseDamaged: a file in the storage is not what it was.
    """
    folder = _cache_folder(base)
    if not folder.exists():
        try:
            place_base(base, folder)
        except blobs.BlobDamaged as damaged:
            names = {file["sha256"]: file["path"] for file in base.files}
            raise BaseDamaged(names.get(str(damaged), str(damaged))) from damaged
    return folder


def forget_base(base: BaseRevision) -> None:
    """The base's files on this machine are not what they were: whoever needs them next takes them from the storage."""
    folder = _cache_folder(base)
    away = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")  # as `place_base` names what it may clear away
    try:
        folder.rename(away)
    except OSError:
        return
    shutil.rmtree(away, ignore_errors=True)


def _cache_folder(base: BaseRevision) -> Path:
    listing = "\n".join(sorted(f"{file['path']} {file['sha256']}" for file in base.files))
    folder: Path = settings.WORK_FOLDER / "bases" / hashlib.sha256(listing.encode()).hexdigest()
    return folder
