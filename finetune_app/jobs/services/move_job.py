"""The one place where a job's state changes: compare-and-set along `states.JOB_MOVES`."""

from collections.abc import Collection
from typing import Any

from finetune_app.jobs.models import Job
from finetune_app.jobs.states import JOB_MOVES, JobState


def move_job(job_id: int, to: JobState, *, only_from: Collection[JobState] = (), **changes: Any) -> bool:
    """Move the job to `to` and write `changes` with it, if its state allows that; says whether it did.

    Args:
        job_id: the job's primary key.
        to: the new state.
        only_from: narrows the states that the job may come from; all that `JOB_MOVES` allows when empty.
        changes: further columns to set in the same statement.
    """
    sources = [state for state, moves in JOB_MOVES.items() if to in moves and (not only_from or state in only_from)]
    return Job.objects.filter(pk=job_id, state__in=sources).update(state=to, **changes) == 1
