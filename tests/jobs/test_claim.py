"""A worker takes a job."""

import threading

import pytest
from django.db import connection

from finetune_app.jobs.models import Attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.end_attempt import requeue
from finetune_app.jobs.states import AttemptState
from tests.cast import make_cast
from tests.jobs.makers import make_job
from tests.tiny_base import register_tiny_base


def test_the_oldest_job_is_taken_first_and_none_twice(cast, tiny_base):
    access = cast.access(cast.editor)
    jobs = [make_job(access, tiny_base) for _ in range(2)]
    assert [claim_next_job("w").job, claim_next_job("w").job] == jobs
    assert claim_next_job("w") is None


def test_a_job_that_went_back_gets_a_second_attempt(cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    requeue(claim_next_job("w1"), AttemptState.INTERRUPTED, "shut down")
    second = claim_next_job("w2")
    assert (second.number, second.worker) == (2, "w2")
    assert second.job.started_at


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_get_each_job_once():
    cast = make_cast()
    base = register_tiny_base(cast.team)
    for _ in range(4):
        make_job(cast.access(cast.editor), base)
    start = threading.Barrier(6)

    def work(name: str) -> None:
        start.wait()
        try:
            while claim_next_job(name):
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"w{index}",)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(Attempt.objects.values_list("job__number", "number")) == [(1, 1), (2, 1), (3, 1), (4, 1)]
