"""The workers and what they are busy with, as the members of one workspace may know it."""

from dataclasses import dataclass
from typing import Literal

from finetune_app.accounts.access import Access
from finetune_app.fleet.models import Worker
from finetune_app.fleet.online import is_online, known_workers
from finetune_app.jobs.models import Attempt, Job
from finetune_app.jobs.states import AttemptState
from finetune_app.work.run_task import running_on

# How another machine joins, as docs/operating.md says it.
WITH_DOCKER = """\
docker run --detach --init --gpus all \\
    --restart unless-stopped --stop-timeout 60 \\
    --volume graft-worker:/data \\
    --volume /etc/graft/secrets:/run/secrets:ro \\
    --env DATABASE_URL_FILE=/run/secrets/database_url \\
    --env REDIS_URL_FILE=/run/secrets/redis_url \\
    --env STORAGE_URL_FILE=/run/secrets/storage_url \\
    --env GRAFT_SECRET_KEY_FILE=/run/secrets/secret_key \\
    graft-worker worker-train"""
WITHOUT_DOCKER = """\
scripts/setup.sh run
export DATABASE_URL_FILE=/etc/graft/secrets/database_url
export REDIS_URL_FILE=/etc/graft/secrets/redis_url
export STORAGE_URL_FILE=/etc/graft/secrets/storage_url
export GRAFT_SECRET_KEY_FILE=/etc/graft/secrets/secret_key
.venv/bin/python -m launcher.role worker-train"""


@dataclass(frozen=True)
class WorkerRow:
    """One worker. `job` is what it runs when that is a job of the workspace; others' jobs are not named.

    `has_task` says that it does something else than a job: it merges, combines or exports.
    """

    worker: Worker
    is_online: bool
    is_busy: bool
    job: Job | None
    has_task: bool = False

    @property
    def state(self) -> Literal["idle", "busy", "gone"]:
        """In one word."""
        if not self.is_online:
            return "gone"
        return "busy" if self.is_busy else "idle"


def worker_rows(access: Access) -> list[WorkerRow]:
    """The workers of the last day, by machine; those that are gone come last."""
    workers = list(known_workers())
    names = [worker.name for worker in workers]
    running, tasks = Attempt.objects.filter(state=AttemptState.RUNNING, worker__in=names), running_on(names)
    jobs = {attempt.worker: attempt.job for attempt in running.select_related("job").order_by("pk")}
    rows = [_row(access, worker, jobs.get(worker.name), has_task=worker.name in tasks) for worker in workers]
    return sorted(rows, key=lambda row: (not row.is_online, row.worker.machine, row.worker.name))


def _row(access: Access, worker: Worker, job: Job | None, *, has_task: bool) -> WorkerRow:
    mine = job if job is not None and job.workspace_id == access.workspace.pk else None
    is_busy = job is not None or has_task
    return WorkerRow(worker, is_online(worker), is_busy=is_busy, job=mine, has_task=has_task)
