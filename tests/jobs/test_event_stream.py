"""The event stream and the plain log: every line once, in order, from wherever the reader is."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from finetune_app.jobs.event_views import event_stream
from finetune_app.jobs.events import (
    CheckpointEvent,
    DoneEvent,
    ErrorEvent,
    EvaluationEvent,
    HeldOutEvent,
    LogEvent,
    PhaseEvent,
    PlanEvent,
    Record,
    Score,
    StateEvent,
    StepEvent,
)
from finetune_app.jobs.log_text import log_text
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import record_events
from tests.cast import make_cast
from tests.jobs.makers import make_job, records
from tests.tiny_base import register_tiny_base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(live_redis):
    return make_cast()


@pytest.fixture
def attempt(cast):
    make_job(cast.access(cast.editor), register_tiny_base(cast.team))
    return claim_next_job("w")


@pytest.fixture
def token(cast):
    return cast.token(cast.viewer)


def say(attempt, *events):
    record_events(attempt, records(attempt, *events))


def get(address, user=None, **headers):
    """Status, headers and the whole body of a stream that ends."""

    async def fetch():
        client = AsyncClient()
        if user:
            await client.aforce_login(user)
        response = await client.get(address, headers={name.replace("_", "-"): value for name, value in headers.items()})
        if not response.streaming:
            return response, response.content.decode()
        return response, b"".join([part async for part in response.streaming_content]).decode()

    return asyncio.run(fetch())


def events_in(body):
    """Each event as (id, type, data)."""
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


def test_every_record_is_an_event_in_order_and_the_last_is_the_end(cast, attempt):
    say(attempt, "a", PhaseEvent(phase="loading"), "b")
    end_attempt.cancelled(attempt)
    response, body = get("/w/team/jobs/1/events", cast.viewer)
    assert [(event_id, kind) for event_id, kind, _ in events_in(body)] == [
        ("1:1", "log"),
        ("1:2", "phase"),
        ("1:3", "log"),
        ("1:4", "state"),
        (None, "end"),
    ]
    first = Record.model_validate(events_in(body)[0][2])
    assert (first.attempt, first.number, first.event) == (1, 1, LogEvent(text="a"))
    assert body.startswith("retry: 2000\n")
    assert response["Content-Type"] == "text/event-stream"
    assert (response["Cache-Control"], response["X-Accel-Buffering"]) == ("no-store", "no")


def test_a_line_break_in_a_line_does_not_break_the_stream(cast, attempt):
    say(attempt, "one\n\ndata: two\r\nthree")
    end_attempt.cancelled(attempt)
    _, body = get("/w/team/jobs/1/events", cast.viewer)
    assert events_in(body)[0][2]["event"]["text"] == "one\n\ndata: two\r\nthree"


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_reader_that_comes_back_goes_on_exactly_there(cast, attempt, way):
    say(attempt, "a", "b", "c")
    end_attempt.cancelled(attempt)
    if way == "header":  # a browser repeats its first address, so the header counts for more
        _, body = get("/w/team/jobs/1/events?after=1:1", cast.viewer, last_event_id="1:2")
    else:
        _, body = get("/w/team/jobs/1/events?after=1:2", cast.viewer)
    assert [event_id for event_id, _, _ in events_in(body)] == ["1:3", "1:4", None]


def test_a_reader_who_has_everything_is_told_that_it_is_over(cast, attempt):
    end_attempt.cancelled(attempt)
    _, body = get("/w/team/jobs/1/events?after=1:1", cast.viewer)
    assert [kind for _, kind, _ in events_in(body)] == ["end"]


def test_a_wrong_event_id_is_an_error_and_no_stream(cast, attempt):
    response, _ = get("/w/team/jobs/1/events?after=yesterday", cast.viewer)
    assert response.status_code == 400


def test_silence_is_filled_with_comments_until_something_happens(attempt):
    async def watch():
        seen = []
        async for part in event_stream(attempt.job, "", idle_seconds=0.1):
            seen.append(part)
            if seen == [seen[0], *[": keep-alive\n\n"] * 2]:
                await sync_to_async(say)(attempt, "now")
                await sync_to_async(end_attempt.cancelled)(attempt)
        return seen

    seen = asyncio.run(asyncio.wait_for(watch(), timeout=10))
    assert seen[1:3] == [": keep-alive\n\n"] * 2
    assert [kind for _, kind, _ in events_in("".join(seen))] == ["log", "state", "end"]


def test_rest_gives_the_same_stream_to_those_who_ask_for_it(cast, attempt, token):
    say(attempt, "a")
    end_attempt.cancelled(attempt)
    _, page = get("/w/team/jobs/1/events", cast.viewer)
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    _, rest = get("/api/v1/jobs/1/log", **headers)
    assert rest == page
    _, rest = get("/api/v1/jobs/1/log", **headers, last_event_id="1:1")
    assert [event_id for event_id, _, _ in events_in(rest)] == ["1:2", None]


def test_the_plain_log_is_the_same_on_the_page_and_over_rest(cast, attempt, token):
    say(attempt, "a", LogEvent(level="warning", text="b"))
    response, page = get("/w/team/jobs/1/log", cast.viewer)
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert [line.split(" ", 1)[1] for line in page.splitlines()] == ["[1] a", "[2] warning: b"]
    assert get("/api/v1/jobs/1/log", authorization=f"Bearer {token}")[1] == page


def test_a_long_log_comes_whole(cast, attempt):
    say(attempt, *[f"line {index}" for index in range(1201)])
    assert len(get("/w/team/jobs/1/log", cast.viewer)[1].splitlines()) == 1201


def test_every_kind_of_event_is_a_readable_line():
    score = Score(exact_match=0.5, token_accuracy=0.75, loss=1.5)
    score_words = "exact match 50.0%, loss 1.500, token accuracy 75.0%"
    step = StepEvent(
        step=3, total_steps=40, epoch=0.1, loss=2.34567, learning_rate=2e-3, grad_norm=None, tokens=912, seconds=4.0
    )
    look = HeldOutEvent(step=3, epoch=0.1, loss=1.5, token_accuracy=0.5, rows=2, best=True, seconds=1.0)
    lines = [
        (LogEvent(text="hello"), "hello"),
        (LogEvent(level="error", text="oh"), "error: oh"),
        (PhaseEvent(phase="loading"), "loading…"),
        (PhaseEvent(phase="evaluating", done=2, total=60), "evaluating: 2 of 60"),
        (step, "step 3/40  loss 2.346  lr 0.002  grad not finite  912 tokens"),
        (look, "held out at step 3: loss 1.5, token accuracy 0.5 on 2 rows, the best so far"),
        (CheckpointEvent(step=3, folder="checkpoints/step-3"), "checkpoint at step 3 kept"),
        (ErrorEvent(code="out_of_memory", detail="2 GiB"), "error: out_of_memory: 2 GiB"),
        (StateEvent(state="queued", text="lost"), "queued: lost"),
        (PlanEvent(facts={"device": "cpu", "libraries": {"torch": "2"}}), "plan: device cpu, libraries (torch 2)"),
        (DoneEvent(), "done"),
        (
            EvaluationEvent(rows=2, base=score, tuned=score),
            f"scores on 2 held-out rows: base {score_words}; tuned {score_words}",
        ),
    ]
    for event, words in lines:
        (line,) = log_text([Record(attempt=1, number=7, time=0.0, event=event)])
        assert line == f"1970-01-01T00:00:00Z [7] {words}\n"


def test_a_second_attempt_has_a_heading():
    lines = list(log_text(Record(attempt=number, number=1, time=0.0, event=LogEvent(text="x")) for number in (1, 2)))
    assert [line.strip() for line in lines][1] == "——— attempt 2 ———"
