"""What the job tests share."""

import pytest
import redis
from django.conf import settings


@pytest.fixture
def live_redis():
    """The Redis of this test run, empty."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.close()
