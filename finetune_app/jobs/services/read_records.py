"""The lasting lines of a job: from the chunks of a running attempt, from the stored log of an ended one."""

import io
from collections.abc import Iterator
from itertools import islice

from finetune_app.errors import UserError
from finetune_app.jobs.events import Record
from finetune_app.jobs.models import Attempt, Job, LogChunk
from finetune_app.storage import blobs

Position = tuple[int, int]  # attempt, number of the last line seen
START: Position = (0, 0)


def parse_position(event_id: str) -> Position:
    """`attempt:number` as a position; "" is the start.

    Raises:
        UserError: `invalid_event_id`.
    """
    if not event_id:
        return START
    attempt, colon, number = event_id.partition(":")
    if not (colon and attempt.isascii() and attempt.isdigit() and number.isascii() and number.isdigit()):
        raise UserError("invalid_event_id", f"“{event_id[:50]}” is not an event id (attempt:number).", status=400)
    return int(attempt), int(number)


def read_records(job: Job, after: str = "") -> Iterator[Record]:
    """Every lasting line after the event id `after`, in order, none twice."""
    position = parse_position(after)
    for number in (
        Attempt.objects.filter(job=job, number__gte=position[0]).order_by("number").values_list("number", flat=True)
    ):
        seen = position[1] if number == position[0] else 0
        yield from _attempt_records(job, number, seen)


def _attempt_records(job: Job, number: int, seen: int) -> Iterator[Record]:
    while True:
        attempt = Attempt.objects.get(job=job, number=number)
        before = seen
        for line in _lines(attempt, seen):
            record = Record.model_validate_json(line)
            if record.number > seen:
                seen = record.number
                yield record
        # The log may have moved from its chunks into the storage while they were read: look again until all is there.
        if seen >= attempt.last_number or seen == before:
            return


def _lines(attempt: Attempt, seen: int) -> Iterator[bytes]:
    """The lines after number `seen`; line k of a log has the number k, so those before it need not be parsed."""
    if attempt.log_sha256:
        yield from islice(io.BytesIO(blobs.read(attempt.log_sha256)), seen, None)
        return
    for chunk in LogChunk.objects.filter(attempt=attempt, last__gt=seen).order_by("first").iterator(chunk_size=50):
        # Split at newlines only: `str.splitlines` would also split at U+2028 within a line's JSON.
        yield from islice(io.BytesIO(chunk.body.encode()), max(0, seen - chunk.first + 1), None)
