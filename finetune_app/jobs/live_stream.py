"""The live lines of a job in Redis: one stream per job whose entry ids are `attempt-number`.

Redis only carries; the lasting lines are in the database and the storage. So a Redis that is down or lost its memory
delays a viewer and loses nothing.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import redis
import redis.asyncio
from django.conf import settings

from finetune_app.jobs.events import Record

log = logging.getLogger(__name__)
KEEP_LINES = 5000
KEEP_SECONDS = 24 * 3600


def stream_key(job_id: int) -> str:
    """The Redis key of the job's stream."""
    return f"graft:job:{job_id}"


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)


def publish(job_id: int, records: Sequence[Record]) -> None:
    """Append the records for those who watch now; failures are logged and do no harm."""
    key = stream_key(job_id)
    try:
        with _client(settings.REDIS_URL).pipeline(transaction=False) as pipe:
            for record in records:
                entry_id = f"{record.attempt}-{record.number}"
                pipe.xadd(key, {"record": record.model_dump_json()}, id=entry_id, maxlen=KEEP_LINES)
            pipe.expire(key, KEEP_SECONDS)
            pipe.execute()
    except redis.RedisError as error:
        log.warning("Live lines of job %s were not sent: %s", job_id, error)


def clear(job_id: int) -> None:
    """Drop what is left under this key by another database's job of the same id (a data folder that was made anew)."""
    try:
        _client(settings.REDIS_URL).delete(stream_key(job_id))
    except redis.RedisError as error:
        log.warning("The live stream of job %s was not cleared: %s", job_id, error)


async def read_live(
    client: "redis.asyncio.Redis", job_id: int, after: tuple[int, int], *, block_seconds: float
) -> list[Record]:
    """The records after `(attempt, number)`, waiting up to `block_seconds` for the first one.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    found = await client.xread(
        {stream_key(job_id): f"{after[0]}-{after[1]}"}, block=int(block_seconds * 1000), count=500
    )
    if not found:
        return []
    (_, entries) = cast("list[tuple[bytes, Any]]", found)[0]
    return [Record.model_validate_json(fields[b"record"]) for _, fields in entries]
