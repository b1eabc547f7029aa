"""A job's lines as streams: server-sent events and plain text. The page and REST send the same bytes.

The views that answer with these run as ordinary functions, because all looking-up is done before the first byte.
"""

from collections.abc import AsyncIterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.jobs.access import get_job
from finetune_app.jobs.events import Record
from finetune_app.jobs.log_text import log_text
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.follow_records import IDLE_SECONDS, follow_records
from finetune_app.jobs.services.read_records import parse_position, read_records

RETRY_MILLISECONDS = 2000
EVENT_STREAM = "text/event-stream"
LINES_AT_ONCE = 500


def server_sent_event(record: Record) -> str:
    """One record as an event: its id, its type, its JSON."""
    return f"id: {record.id}\nevent: {record.event.type}\ndata: {record.model_dump_json()}\n\n"


async def event_stream(job: Job, after: str, *, idle_seconds: float = IDLE_SECONDS) -> AsyncIterator[str]:
    """Every line after the event id `after`, until the job has ended; then the event `end`.

    When there was nothing to say for `idle_seconds`, a comment keeps proxies from closing the connection.
    """
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    async for record in follow_records(job.pk, after, idle_seconds=idle_seconds):
        yield ": keep-alive\n\n" if record is None else server_sent_event(record)
    yield "event: end\ndata: {}\n\n"


async def text_stream(job: Job) -> AsyncIterator[str]:
    """The whole lasting log as text, some hundred lines at a time."""
    lines = log_text(read_records(job))
    while some := await sync_to_async(lambda: "".join(islice(lines, LINES_AT_ONCE)))():
        yield some


def event_response(request: HttpRequest, job: Job) -> StreamingHttpResponse:
    """The event stream from where the client says that it is: `Last-Event-ID`, else `?after=`, else the start.

    Raises:
        UserError: `invalid_event_id`.
    """
    after = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    parse_position(after)  # a wrong one is answered with an error, not with a broken stream
    return StreamingHttpResponse(
        event_stream(job, after),
        content_type=EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def log_response(job: Job) -> StreamingHttpResponse:
    """The log as text, shown in the browser or saved under the job's name."""
    return StreamingHttpResponse(
        text_stream(job),
        content_type="text/plain; charset=utf-8",
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'inline; filename="job-{job.number}.log"',
        },
    )


@workspace_view
@require_safe
def events(request: HttpRequest, access: Access, number: int) -> StreamingHttpResponse:
    """The live lines of the job's page."""
    return event_response(request, get_job(access, number))


@workspace_view
@require_safe
def log(_request: HttpRequest, access: Access, number: int) -> StreamingHttpResponse:
    """The full log as text."""
    return log_response(get_job(access, number))
