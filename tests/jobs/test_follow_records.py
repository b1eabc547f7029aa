"""A viewer sees every line once, whatever happens to Redis."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from finetune_app.jobs.live_stream import stream_key
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.follow_records import follow_records
from finetune_app.jobs.services.record_events import record_events
from finetune_app.jobs.states import AttemptState
from tests.cast import make_cast
from tests.jobs.makers import make_job, records
from tests.tiny_base import register_tiny_base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def attempt(live_redis):
    cast = make_cast()
    make_job(cast.access(cast.editor), register_tiny_base(cast.team))
    return claim_next_job("w")


def say(attempt, *texts):
    record_events(attempt, records(attempt, *texts))


async def collect(job_id, after="", into=None):
    seen = [] if into is None else into
    async for record in follow_records(job_id, after, idle_seconds=0.3):
        if record is not None:
            seen.append((record.id, getattr(record.event, "text", "")))
    return seen


def and_disconnect(script):
    """The script in a thread of its own, whose database connection ends with it."""

    def run(attempt):
        script(attempt)
        connection.close()

    return run


def watch(attempt, script, after=""):
    """Follow while `script(attempt)` runs in a thread; gives what was seen when the job ended."""

    async def both():
        watching = asyncio.create_task(collect(attempt.job_id, after))
        await asyncio.sleep(0.1)
        await sync_to_async(and_disconnect(script))(attempt)
        return await asyncio.wait_for(watching, timeout=10)

    return asyncio.run(both())


def test_lasting_lines_then_live_ones_then_the_end(attempt):
    say(attempt, "a", "b")

    def script(attempt):
        say(attempt, "c")
        say(attempt, "d")
        end_attempt.cancelled(attempt)

    seen = watch(attempt, script)
    assert seen == [("1:1", "a"), ("1:2", "b"), ("1:3", "c"), ("1:4", "d"), ("1:5", "Cancelled.")]


def test_a_viewer_that_comes_back_gets_only_what_it_missed(attempt):
    say(attempt, "a", "b", "c")
    end_attempt.cancelled(attempt)
    assert asyncio.run(collect(attempt.job_id, "1:2")) == [("1:3", "c"), ("1:4", "Cancelled.")]


def test_a_redis_that_lost_its_memory_costs_no_line(attempt, live_redis):
    say(attempt, "a")

    def script(attempt):
        say(attempt, "b")
        live_redis.flushdb()
        say(attempt, "c")
        end_attempt.cancelled(attempt)

    assert [text for _, text in watch(attempt, script)] == ["a", "b", "c", "Cancelled."]


def test_old_lines_that_redis_dropped_come_from_the_log(attempt, live_redis):
    say(attempt, *[f"line {index}" for index in range(1200)])
    live_redis.delete(stream_key(attempt.job_id))
    end_attempt.cancelled(attempt)
    seen = asyncio.run(collect(attempt.job_id))
    assert [text for _, text in seen] == [*[f"line {index}" for index in range(1200)], "Cancelled."]


def test_a_second_attempt_follows_the_first_without_a_gap(attempt):
    def script(attempt):
        say(attempt, "one")
        end_attempt.requeue(attempt, AttemptState.LOST, "lost")
        second = claim_next_job("w2")
        say(second, "two")
        end_attempt.cancelled(second)

    seen = watch(attempt, script)
    assert seen == [("1:1", "one"), ("1:2", "lost"), ("2:1", "two"), ("2:2", "Cancelled.")]


def test_without_redis_the_lasting_lines_still_arrive(attempt, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    def script(attempt):
        say(attempt, "a")
        end_attempt.cancelled(attempt)

    assert [text for _, text in watch(attempt, script)] == ["a", "Cancelled."]
