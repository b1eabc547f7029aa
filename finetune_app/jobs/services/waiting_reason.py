"""Why a queued job does not start, in one sentence."""

from dataclasses import dataclass

from finetune_app.accounts.models import Workspace
from finetune_app.fleet.models import Worker
from finetune_app.fleet.online import online_workers
from finetune_app.jobs.matching import devices_of, has_room, memory_on
from finetune_app.jobs.models import Job
from finetune_app.jobs.queue_order import ON_A_WORKER
from finetune_app.jobs.states import JobState

GIB = 2**30


@dataclass(frozen=True)
class Situation:
    """What decides whether a workspace's jobs can start: read once for all of them.

    Attributes:
        online: the workers that are there now.
        running: how many of the workspace's jobs are on a worker.
        limit: how many may be; None: as many as workers take.
    """

    online: tuple[Worker, ...]
    running: int
    limit: int | None


def situation_of(workspace: Workspace) -> Situation:
    """The situation now, in two queries."""
    running = Job.objects.filter(workspace=workspace, state__in=ON_A_WORKER).count()
    return Situation(tuple(online_workers()), running, workspace.max_running_jobs)


def waiting_reason(job: Job, situation: Situation | None = None) -> str:
    """What stands in the job's way beside the jobs before it; "" when nothing does, or when it does not wait.

    Args:
        job: any job, with its workspace.
        situation: of its workspace; read when it is not given.
    """
    if job.state != JobState.QUEUED:
        return ""
    found = situation or situation_of(job.workspace)
    if not found.online:
        return "No training worker is online."
    if not any(has_room(worker, job) for worker in found.online):
        return _lacking(job, found.online)
    if found.limit is not None and found.running >= found.limit:
        return f"The workspace runs {found.running} of at most {found.limit} {_jobs(found.limit)} at a time."
    return ""


def _lacking(job: Job, online: tuple[Worker, ...]) -> str:
    """What no worker that is online has."""
    enough = [worker for worker in online if devices_of(worker) >= job.gpus]
    if not enough:
        most = max(worker.gpus for worker in online)
        return f"It asks for {job.gpus} GPUs; no worker online holds {f'more than {most}' if most else 'any'}."
    # What comes nearest: a processor with as much memory for each process may need less of it than a GPU has.
    best = max(enough, key=lambda worker: worker.memory_bytes / max(1, memory_on(worker, job)))
    has = f"has {_gib(best.memory_bytes)}"
    if job.gpus > 1 and best.kind == "cuda":
        needs = f"It needs {_gib(memory_on(best, job), up=True)} on each of {job.gpus} GPUs"
        return f"{needs}; the largest worker online that holds {job.gpus} {has} on each."
    return f"It needs {_gib(memory_on(best, job), up=True)}; the largest worker online {has}."


def _gib(size: int, *, up: bool = False) -> str:
    """Whole GiB from 10 on, else one digit more; what is needed is rounded up and what is there down."""
    digit = 1 if size >= 10 * GIB else 10
    count = (-(-size * digit // GIB) if up else size * digit // GIB) / digit
    return f"{count:g} GiB"


def _jobs(count: int) -> str:
    return "job" if count == 1 else "jobs"
