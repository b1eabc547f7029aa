"""Every idle worker hears of a new job, because not every one can take it."""

import pytest
import redis
from celery.utils.nodenames import worker_direct
from django.conf import settings

from finetune_app.celery import TRAIN_QUEUE
from finetune_app.fleet.services.announce_worker import say_gone
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.wake_workers import wake_workers
from tests.jobs.makers import make_job
from tests.jobs.queues import gpu_worker

NAMES = ("train@idle", "train@busy", "train@gone")


@pytest.fixture
def messages(db):
    """`messages()`: how many nudges lie in the queue of all and in those of each worker."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield lambda: [client.llen(TRAIN_QUEUE), *(client.llen(worker_direct(name).name) for name in NAMES)]
    client.flushdb()
    client.close()


def test_idle_workers_are_woken_and_others_left_alone(cast, tiny_base, messages):
    for name in NAMES:
        gpu_worker(name)
    say_gone("train@gone")
    make_job(cast.access(cast.editor), tiny_base)
    claim_next_job("train@busy")
    wake_workers()
    assert messages() == [1, 1, 0, 0]


def test_a_worker_that_has_not_announced_itself_is_woken_too(messages):
    wake_workers()
    assert messages() == [1, 0, 0, 0]
