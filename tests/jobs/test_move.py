"""States move only along the allowed ways."""

import itertools

import pytest

from finetune_app.jobs.models import Job
from finetune_app.jobs.services.move_job import move_job
from finetune_app.jobs.states import FINAL_STATES, JOB_MOVES, JobState
from tests.jobs.makers import make_job


@pytest.mark.parametrize(("old", "new"), list(itertools.product(JobState, JobState)))
def test_only_allowed_moves_happen(cast, tiny_base, old, new):
    job = make_job(cast.access(cast.editor), tiny_base)
    Job.objects.filter(pk=job.pk).update(state=old)
    moved = move_job(job.pk, new)
    job.refresh_from_db()
    assert moved == (new in JOB_MOVES[old])
    assert job.state == (new if moved else old)


def test_nothing_leaves_a_final_state():
    assert {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED} == FINAL_STATES
