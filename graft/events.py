"""Server-sent events: the lines of a job as they come, taken up again where a connection broke.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpx

from graft.errors import GraftError
from graft.transport import MAY_PASS, Transport, check, lines_of, pause
from graft.types import Json

SILENCE_SECONDS = 60.0  # the server says something at least every 15
PATIENCE_SECONDS = 300.0
END = "end"


def follow(transport: Transport, path: str, *, after: str = "", patience: float = PATIENCE_SECONDS) -> Iterator[Json]:
    """The record of every event after the id `after`, until the server says that there will be no more.

    A connection that breaks is made again from the last event that came, so none is lost or told twice.

    Raises:
        GraftError: what the server refused; `unreachable` when it did not answer for `patience` seconds.
    """
    last, failures = after, 0
    silent_since: float | None = None
    while True:
        try:
            with _connected(transport, path, last) as answer:
                silent_since = None
                for event_id, name, data in parse_events(lines_of(answer.iter_bytes())):
                    failures = 0
                    if name == END:
                        return
                    last = event_id or last
                    yield json.loads(data)
        except (httpx.TransportError, _MayPass) as error:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > patience:
                raise transport.unreachable(error) from error
        failures += 1
        pause(failures)


class _MayPass(Exception):
    """A proxy spoke for the server."""


@contextmanager
def _connected(transport: Transport, path: str, last: str) -> Iterator[httpx.Response]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    with transport.http.stream("GET", path, headers=headers, timeout=SILENCE_SECONDS) as answer:
        if answer.status_code in MAY_PASS:
            raise _MayPass(f"status {answer.status_code}")
        check(answer)
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise GraftError("not_graft", f"{answer.request.url} does not answer with events.")
        yield answer


def parse_events(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Id, name and data of each event; comments and an event that broke off are passed over."""
    event_id, name, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield event_id, name or "message", "\n".join(data)
            event_id, name, data = "", "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            event_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
