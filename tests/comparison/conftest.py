"""What the tests of comparisons share."""

from tests.jobs.conftest import live_redis

__all__ = ["live_redis"]
