"""All lines of a job from any point on, first the lasting ones, then live, until the job has ended."""

import asyncio
import logging
from collections.abc import AsyncIterator

import redis
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection

from finetune_app.jobs.events import Record
from finetune_app.jobs.live_stream import read_live
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.read_records import Position, parse_position, read_records
from finetune_app.jobs.states import JobState

log = logging.getLogger(__name__)
PAGE = 5000  # lines: an ended log is one blob, and each page begins at its start
IDLE_SECONDS = 10.0
RETRY_SECONDS = 1.0


async def follow_records(
    job_id: int, after: str = "", *, idle_seconds: float = IDLE_SECONDS
) -> AsyncIterator[Record | None]:
    """Yield each line after the event id `after` exactly once, then those to come; None when nothing came for a while.

    Ends when the job is final and every line was given.

    Raises:
        UserError: `invalid_event_id`.
        Job.DoesNotExist: there is no such job.
    """
    position = parse_position(after)
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=idle_seconds + 5)
    try:
        while True:
            page, over = await sync_to_async(_lasting_page)(job_id, position)
            for record in page:
                position = (record.attempt, record.number)
                yield record
            if page:
                continue
            if over:
                return
            async for live in _live(client, job_id, position, idle_seconds):
                if live is not None:
                    position = (live.attempt, live.number)
                yield live
    finally:
        await client.aclose()


async def _live(
    client: "redis.asyncio.Redis", job_id: int, position: Position, idle_seconds: float
) -> AsyncIterator[Record | None]:
    """Live lines as long as they join on; then the caller looks at the lasting ones again."""
    while True:
        try:
            records = await read_live(client, job_id, position, block_seconds=idle_seconds)
        except redis.RedisError as error:
            log.warning("Live lines of job %s: %s; reading the lasting ones instead.", job_id, error)
            await asyncio.sleep(RETRY_SECONDS)
            return
        if not records:
            yield None
            return
        for record in records:
            if (record.attempt, record.number) != (position[0], position[1] + 1):
                return
            position = (record.attempt, record.number)
            yield record
            if record.event.type == "state":
                return


def _lasting_page(job_id: int, position: Position) -> tuple[list[Record], bool]:
    """The next lasting lines, and whether the job is over and none is left.

    A page that is watched for hours keeps its thread, so the connection is given up between two looks.
    """
    try:
        return _read_page(job_id, position)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _read_page(job_id: int, position: Position) -> tuple[list[Record], bool]:
    job = Job.objects.get(pk=job_id)  # read before the lines: what a final job said is then all there
    page: list[Record] = []
    for record in read_records(job, f"{position[0]}:{position[1]}"):
        page.append(record)
        if len(page) == PAGE:
            return page, False
    return page, not page and JobState(job.state).is_final
