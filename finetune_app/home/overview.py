"""What the home page says, read in a fixed number of queries however much the workspace holds."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from adapters.access import adapter_versions_of, adapters_of, base_models_of
from adapters.listing import VersionRow, version_rows, with_lineage
from finetune_app.accounts.access import Access
from finetune_app.datasets.access import datasets_of
from finetune_app.home.guide import Guide, make_guide
from finetune_app.jobs.access import jobs_of
from finetune_app.jobs.models import Job
from finetune_app.jobs.progress import Progress, progress_of
from finetune_app.jobs.queue_order import start_key
from finetune_app.jobs.states import OPEN_STATES, JobState
from finetune_app.web.templatetags.graft import duration

SHOWN = 5  # of each kind; the lists of jobs and adapters show all
FAILED_SINCE = timedelta(days=7)


@dataclass(frozen=True)
class ActiveJob:
    """A job on a worker and how far it is; `label` names the phase and, where it is known, the time left."""

    job: Job
    progress: Progress
    label: str


@dataclass(frozen=True)
class Counts:
    """How many of each the workspace has."""

    datasets: int
    jobs: int
    adapters: int
    base_models: int


@dataclass(frozen=True)
class Overview:
    """Everything on the page. `more_waiting` counts the waiting jobs that are not listed."""

    counts: Counts
    active: list[ActiveJob]
    waiting: list[Job]
    more_waiting: int
    failed: list[Job]
    made: list[VersionRow]
    guide: Guide

    @property
    def is_live(self) -> bool:
        """Whether anything on the page may still change by itself."""
        return bool(self.active or self.waiting)

    @property
    def shows_guide(self) -> bool:
        """Until the workspace has an adapter, and a job beside the sample."""
        return self.guide.next is not None or self.counts.jobs <= 1


def overview_of(access: Access) -> Overview:
    """The home page of the workspace as it is now."""
    jobs = jobs_of(access)
    open_jobs = list(jobs.filter(state__in=OPEN_STATES).order_by("number"))
    waiting = sorted((job for job in open_jobs if job.state == JobState.QUEUED), key=start_key)
    active = [job for job in open_jobs if job.state != JobState.QUEUED]
    failed = jobs.filter(state=JobState.FAILED, finished_at__gte=timezone.now() - FAILED_SINCE)
    counts = Counts(
        datasets=datasets_of(access).count(),
        jobs=jobs.count(),
        adapters=adapters_of(access).count(),
        base_models=base_models_of(access).count(),
    )
    made = version_rows(with_lineage(adapter_versions_of(access))[:SHOWN])
    return Overview(
        counts=counts,
        active=[_active(job) for job in active[:SHOWN]],
        waiting=waiting[:SHOWN],
        more_waiting=max(0, len(waiting) - SHOWN),
        failed=list(failed[:SHOWN]),
        made=made,
        guide=make_guide(
            access,
            datasets=counts.datasets,
            newest_job=jobs.first() if counts.jobs else None,
            newest_version=made[0].version if made else None,
        ),
    )


def _active(job: Job) -> ActiveJob:
    progress = progress_of(job) or Progress("", job.done, job.total)
    left = f", {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    return ActiveJob(job, progress, progress.label + left)
