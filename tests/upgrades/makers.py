"""Versions that a job of the tests made, so that their recipe can be repeated."""

from pathlib import Path

from adapters.manifest import Ancestor
from adapters.models import AdapterVersion, BaseRevision
from adapters.services.register_version import register_version
from finetune_app.accounts.access import Access
from finetune_app.datasets.models import Dataset
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.create_job import create_job
from finetune_app.jobs.states import JobState
from tests.adapters.makers import make_lineage, write_adapter
from tests.jobs.makers import make_version as make_dataset

CONFIG = {"r": 2, "lora_alpha": 4, "seed": 7, "max_steps": 3}


def queue_job(access: Access, base: BaseRevision, *, adapter: str = "adder", continues: str = "", **config) -> Job:
    """A queued job on the dataset `sums`."""
    if not Dataset.objects.filter(workspace=access.workspace, name="sums").exists():
        make_dataset(access.workspace, access.user)
    return create_job(
        access, adapter=adapter, dataset="sums@1", base_model=str(base), config=CONFIG | config, continues=continues
    )


def end_job(job: Job, folder: Path) -> AdapterVersion:
    """The version that the job makes, as a worker registers it."""
    folder = folder / f"job-{job.number}"
    version = register_version(
        workspace=job.workspace,
        adapter_name=job.adapter_name,
        base_revision=job.base_revision,
        folder=write_adapter(folder),
        lineage=make_lineage(
            job=job.number,
            dataset="sums",
            dataset_version=job.dataset_version.number,
            dataset_sha256=job.dataset_version.sha256,
            config=job.config,
            seed=job.config["seed"],
            continues=_ancestor(job.continues),
            retrains=_ancestor(job.retrains),
        ),
        source_key=f"job-{job.pk}",
        created_by=job.created_by,
        retrains=job.retrains,
        recipe_digest=job.recipe_digest,
    )
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, adapter_version=version)
    return version


def make_trained(access: Access, base: BaseRevision, folder: Path, **options) -> AdapterVersion:
    """A version that a job made of the dataset `sums`."""
    return end_job(queue_job(access, base, **options), folder)


def _ancestor(version: AdapterVersion | None) -> Ancestor | None:
    if version is None:
        return None
    return Ancestor(adapter=version.adapter.name, version=version.number, manifest_sha256=version.manifest_sha256)
