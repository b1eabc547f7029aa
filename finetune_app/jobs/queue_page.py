"""The waiting jobs of a workspace as the page of jobs shows them, read in a fixed number of queries."""

import hashlib
from dataclasses import dataclass

from finetune_app.accounts.models import Workspace
from finetune_app.jobs.models import Job
from finetune_app.jobs.priorities import Priority, priority_of
from finetune_app.jobs.queue_order import queue_of
from finetune_app.jobs.services.waiting_reason import Situation, situation_of, waiting_reason

SHOWN = 30


@dataclass(frozen=True)
class Waiting:
    """One waiting job; it moves only among those of its priority, of which it may be the first or the last."""

    job: Job
    place: int
    priority: Priority
    reason: str
    is_first: bool
    is_last: bool


@dataclass(frozen=True)
class QueuePage:
    """The first waiting jobs, or all of them; `total` counts those that are not shown too."""

    rows: list[Waiting]
    total: int
    shows_all: bool

    @property
    def priorities(self) -> list[Priority]:
        """What one can choose, highest first."""
        return list(reversed(Priority))

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.rows)

    @property
    def seen(self) -> str:
        """Stands for all that is shown: a page that names it needs nothing new while it is the same."""
        shown = [(row.job.number, row.priority, row.reason, row.is_first, row.is_last) for row in self.rows]
        return hashlib.sha256(repr((shown, self.total, self.shows_all)).encode()).hexdigest()[:16]


def queue_page(workspace: Workspace, situation: Situation | None = None, *, shows_all: bool = False) -> QueuePage:
    """The queue as it is now."""
    queue = queue_of(workspace).select_related("workspace", "dataset_version__dataset", "base_revision__base_model")
    jobs = list(queue if shows_all else queue[: SHOWN + 1])
    total = len(jobs) if shows_all or len(jobs) <= SHOWN else queue_of(workspace).count()
    if not jobs:
        return QueuePage([], 0, shows_all)
    found = situation or situation_of(workspace)
    ends = zip([None, *jobs], jobs, [*jobs[1:], None], strict=False)
    rows = [
        Waiting(
            job,
            place,
            priority_of(job.priority),
            waiting_reason(job, found),
            is_first=before is None or before.priority != job.priority,
            is_last=after is None or after.priority != job.priority,
        )
        for place, (before, job, after) in enumerate(ends, start=1)
    ]
    return QueuePage(rows if shows_all else rows[:SHOWN], total, shows_all)
