"""Workers and queues that tests start from."""

from finetune_app.accounts.models import Workspace
from finetune_app.fleet.capabilities import Capabilities
from finetune_app.fleet.models import Worker
from finetune_app.fleet.services.announce_worker import announce_worker
from finetune_app.jobs.models import Job
from finetune_app.jobs.queue_order import queue_of

GIB = 2**30


def gpu_worker(name: str = "train@gpu", gib: int = 24, gpus: int = 1) -> Worker:
    """A worker online that holds GPUs of that size."""
    return announce_worker(name, Capabilities("cuda", "NVIDIA L4", gib * GIB, has_bf16=True, cores=8, gpus=gpus))


def cpu_worker(name: str = "train@cpu", gib: int = 64, cores: int = 8) -> Worker:
    """A worker online without a GPU."""
    return announce_worker(name, Capabilities("cpu", "x86_64 CPU, 8 threads", gib * GIB, has_bf16=False, cores=cores))


def waiting(workspace) -> list[int]:
    """The numbers of the jobs that wait, in their order."""
    return list(queue_of(workspace).values_list("number", flat=True))


def change(job: Job, **values: object) -> Job:
    """The job with other values."""
    Job.objects.filter(pk=job.pk).update(**values)
    return Job.objects.select_related("workspace").get(pk=job.pk)


def copies(job: Job, count: int) -> list[Job]:
    """That many more jobs like this one, with the numbers that follow."""
    workspace = Workspace.objects.get(pk=job.workspace_id)
    first = workspace.last_job_number + 1
    fields = ("workspace_id", "adapter_name", "base_revision_id", "dataset_version_id", "config", "created_by_id")
    values = {field: getattr(job, field) for field in fields}
    made = Job.objects.bulk_create([Job(**values, number=number) for number in range(first, first + count)])
    workspace.last_job_number += count
    workspace.save(update_fields=["last_job_number"])
    return made
