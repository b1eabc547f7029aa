"""Which job starts next: priorities, turns of the workspaces, limits, and what a worker has."""

import itertools
import threading

import pytest
from django.db import connection
from django.utils import timezone

from finetune_app.fleet.models import Worker
from finetune_app.fleet.online import ONLINE, online_workers
from finetune_app.fleet.services.announce_worker import say_gone
from finetune_app.jobs.matching import can_take, may_take
from finetune_app.jobs.models import Attempt, Job
from finetune_app.jobs.queue_order import waiting_before
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.end_attempt import requeue
from finetune_app.jobs.services.waiting_reason import waiting_reason
from finetune_app.jobs.states import AttemptState, JobState
from tests.cast import make_cast
from tests.jobs.makers import make_job
from tests.jobs.queues import GIB, change, copies, cpu_worker, gpu_worker, waiting
from tests.tiny_base import register_tiny_base


@pytest.fixture
def team_jobs(cast, tiny_base):
    """`team_jobs(3)`: that many waiting jobs of `team`."""
    return lambda count: [make_job(cast.access(cast.editor), tiny_base) for _ in range(count)]


@pytest.fixture
def others_jobs(cast):
    """`others_jobs(3)`: that many waiting jobs of `elsewhere`."""
    base = register_tiny_base(cast.elsewhere)
    return lambda count: [make_job(cast.access(cast.outsider), base) for _ in range(count)]


def claimed(worker="w"):
    """`(workspace, number)` of the job that the worker takes."""
    attempt = claim_next_job(worker)
    return attempt and (attempt.job.workspace.slug, attempt.job.number)


def finish_all():
    Job.objects.filter(state=JobState.RUNNING).update(state=JobState.SUCCEEDED)


def test_a_higher_priority_starts_first_whosesoever_it_is(cast, team_jobs, others_jobs):
    team_jobs(2)
    urgent = others_jobs(3)[2]
    change(urgent, priority=1)
    assert claimed() == ("elsewhere", 3)


def test_a_lower_priority_starts_last(team_jobs):
    change(team_jobs(3)[0], priority=-1)
    assert [claimed()[1] for _ in range(3)] == [2, 3, 1]


def test_one_worker_serves_the_workspaces_in_turn(team_jobs, others_jobs):
    team_jobs(3)
    others_jobs(2)
    turns = []
    while turn := claimed():
        turns.append(turn)
        finish_all()
    assert turns == [("team", 1), ("elsewhere", 1), ("team", 2), ("elsewhere", 2), ("team", 3)]


def test_who_runs_fewer_jobs_comes_first(team_jobs, others_jobs):
    team_jobs(3)
    assert [claimed("a"), claimed("b")] == [("team", 1), ("team", 2)]
    others_jobs(3)
    assert [claimed("c"), claimed("d")] == [("elsewhere", 1), ("elsewhere", 2)]


def test_a_job_that_lost_its_worker_comes_before_those_made_later(team_jobs):
    team_jobs(2)
    requeue(claim_next_job("a"), AttemptState.INTERRUPTED, "shut down")
    assert claimed() == ("team", 1)


def test_a_workspace_has_at_most_so_many_jobs_at_a_time(cast, team_jobs, others_jobs):
    cast.team.max_running_jobs = 1
    cast.team.save()
    team_jobs(2)
    assert claimed() == ("team", 1)
    assert claimed() is None
    others_jobs(1)
    assert claimed() == ("elsewhere", 1)
    finish_all()
    assert claimed() == ("team", 2)


def test_a_job_that_is_being_stopped_still_counts(cast, team_jobs):
    cast.team.max_running_jobs = 1
    cast.team.save()
    first, _ = team_jobs(2)
    claimed()
    for state in (JobState.CANCELLING, JobState.PAUSING):
        change(first, state=state)
        assert claimed() is None
    change(first, state=JobState.PAUSED)
    assert claimed() == ("team", 2)


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_do_not_exceed_the_limit():
    cast = make_cast()
    cast.team.max_running_jobs = 2
    cast.team.save()
    base = register_tiny_base(cast.team)
    for _ in range(6):
        make_job(cast.access(cast.editor), base)
    start = threading.Barrier(6)

    def work(name: str) -> None:
        start.wait()
        try:
            claim_next_job(name)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"w{index}",)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Attempt.objects.count() == 2


def test_a_job_waits_for_a_worker_with_enough_memory(team_jobs):
    change(team_jobs(2)[0], memory_bytes=38 * GIB)
    small, large = gpu_worker("small", gib=24), gpu_worker("large", gib=80)
    assert claimed(small.name) == ("team", 2)
    assert claimed(small.name) is None
    assert claimed(large.name) == ("team", 1)


def test_a_job_waits_for_a_worker_with_enough_gpus(team_jobs):
    change(team_jobs(1)[0], gpus=2)
    one, two = gpu_worker("one"), gpu_worker("two", gpus=2)
    assert claimed(one.name) is None
    assert claimed(two.name) == ("team", 1)


def test_a_processor_takes_only_what_no_gpu_online_can_take(team_jobs):
    change(team_jobs(2)[1], memory_bytes=38 * GIB)
    cpu, gpu = cpu_worker(gib=64), gpu_worker(gib=24)
    assert claimed(cpu.name) == ("team", 2)
    assert claimed(cpu.name) is None
    say_gone(gpu.name)
    assert claimed(cpu.name) == ("team", 1)


def test_the_database_and_the_words_agree_on_who_may_take_what(team_jobs):
    job = team_jobs(1)[0]
    workers = [gpu_worker("a", 24), gpu_worker("b", 80, gpus=2), cpu_worker("c", 16, cores=2), cpu_worker("d", 512)]
    for gone in ([], ["a"], ["b"], ["a", "b"]):
        for worker in workers:
            Worker.objects.filter(pk=worker.pk).update(stopped_at=timezone.now() if worker.name in gone else None)
        online = list(online_workers())
        for gpus, memory in itertools.product((1, 2, 3), (None, 5 * GIB, 24 * GIB, 24 * GIB + 1, 100 * GIB)):
            job = change(job, gpus=gpus, memory_bytes=memory)
            for worker in online:
                found = Job.objects.filter(may_take(worker)).exists()
                assert found == can_take(worker, job, online), (gone, gpus, memory, worker.name)


def test_why_a_job_waits(cast, team_jobs):
    job = team_jobs(1)[0]
    assert waiting_reason(job) == "No training worker is online."
    gpu = gpu_worker(gib=24)
    assert waiting_reason(job) == ""
    big = change(job, memory_bytes=int(37.2 * GIB))
    assert waiting_reason(big) == "It needs 38 GiB; the largest worker online has 24 GiB."
    assert waiting_reason(change(job, gpus=2)) == "It asks for 2 GPUs; no worker online holds more than 1."
    gpu_worker("pair", gib=16, gpus=2)
    assert "38 GiB on each of 2 GPUs; the largest worker online that holds 2 has 16 GiB on each." in waiting_reason(
        change(job, gpus=2)
    )
    Worker.objects.update(seen_at=timezone.now() - 2 * ONLINE)
    assert waiting_reason(big) == "No training worker is online."
    assert gpu.name == "train@gpu"


def test_why_a_job_waits_when_its_workspace_is_at_its_limit(cast, team_jobs):
    cast.team.max_running_jobs = 1
    cast.team.save()
    gpu_worker()
    second = team_jobs(2)[1]
    claimed("train@gpu")
    assert waiting_reason(change(second)) == "The workspace runs 1 of at most 1 job at a time."


def test_how_many_of_the_workspaces_jobs_come_before_one(cast, team_jobs, others_jobs):
    others_jobs(2)
    jobs = team_jobs(3)
    assert [waiting_before(job) for job in jobs] == [0, 1, 2]
    urgent = change(jobs[2], priority=1)
    assert [waiting_before(job) for job in (*jobs[:2], urgent)] == [1, 2, 0]
    assert waiting(cast.team) == [3, 1, 2]
    claimed()
    assert waiting_before(jobs[0]) == 0


@pytest.mark.parametrize("kind", ["cuda", "cpu"])
def test_claiming_takes_the_same_queries_whatever_the_queue(team_jobs, others_jobs, django_assert_num_queries, kind):
    copies(team_jobs(1)[0], 999)
    others_jobs(1)
    worker = gpu_worker() if kind == "cuda" else cpu_worker()
    claimed(worker.name)
    # The worker, the GPUs that are online (for a processor), what runs, the next job; then, between two savepoints:
    # the workspace's turn, the move, the last attempt's number, the attempt.
    with django_assert_num_queries(9 if kind == "cuda" else 10):
        claim_next_job(worker.name)
