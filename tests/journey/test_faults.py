"""Cancels, failures, killed workers and a restarted Redis: a job always ends in a known state and loses no line."""

import threading
import time

import pytest

from tests.journey.fixtures import follow, queue, wait_for

pytestmark = pytest.mark.journey
LONG = {"max_steps": 4000}


def wait_for_steps(rest, number, count=2):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if len(rest.get(f"/jobs/{number}/metrics").json()["items"]) >= count:
            return
        time.sleep(0.2)
    raise AssertionError(rest.get(f"/jobs/{number}/log").text[-3000:])


def test_cancel_while_running_stops_the_training(rest):
    number = queue(rest, "cancelled", **LONG)
    wait_for_steps(rest, number)
    assert rest.post(f"/jobs/{number}/cancel").json()["state"] in {"cancelling", "cancelled"}
    assert wait_for(rest, number)["state"] == "cancelled"
    assert rest.get("/adapters/cancelled").status_code == 404


def test_cancel_while_waiting_never_starts_it(rest):
    first = queue(rest, "busy", **LONG)
    wait_for(rest, first, "running")
    second = queue(rest, "waiting")
    assert rest.post(f"/jobs/{second}/cancel").json()["state"] == "cancelled"
    rest.post(f"/jobs/{first}/cancel")
    wait_for(rest, first)
    assert rest.get(f"/jobs/{second}").json()["attempts"] == []


def test_answers_that_are_all_cut_off_end_the_job_before_the_first_step(rest):
    job = wait_for(rest, queue(rest, "cut", max_length=16))
    assert (job["state"], job["cause"]["code"]) == ("failed", "nothing_to_train"), job


def test_a_worker_that_is_shut_down_hands_its_job_to_the_next(stack, rest):
    number = queue(rest, "handed", **(LONG | {"max_steps": 25}))
    wait_for_steps(rest, number)
    stack.end("train")
    assert wait_for(rest, number, "queued")["attempts"][-1]["state"] == "interrupted"
    stack.start_train_worker()
    job = wait_for(rest, number)
    assert job["state"] == "succeeded"
    assert [attempt["state"] for attempt in job["attempts"]] == ["interrupted", "succeeded"]


def test_a_worker_killed_with_minus_nine_costs_an_attempt_and_no_line(stack, rest):
    number = queue(rest, "killed", **(LONG | {"max_steps": 25}))
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(follow(rest, number)))
    watcher.start()
    wait_for_steps(rest, number)
    stack.end("train", kill=True)
    stack.start_train_worker()
    job = wait_for(rest, number)
    watcher.join(timeout=30)
    assert [attempt["state"] for attempt in job["attempts"]] == ["lost", "succeeded"]
    assert [event_id for event_id, _ in seen] == [event_id for event_id, _ in follow(rest, number)]
    assert len({event_id for event_id, _ in seen}) == len(seen)


def test_a_redis_that_restarts_costs_no_line(stack, rest):
    if not stack.valkey:
        pytest.skip("the Redis of this run is not ours to restart")
    number = queue(rest, "restarted", **(LONG | {"max_steps": 60}))
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(follow(rest, number)))
    watcher.start()
    wait_for_steps(rest, number)
    stack.valkey.stop()
    time.sleep(1)
    stack.start_redis()
    assert wait_for(rest, number)["state"] == "succeeded"
    watcher.join(timeout=30)
    assert [event_id for event_id, _ in seen] == [f"1:{index}" for index in range(1, len(seen) + 1)]
    assert seen[-1][1]["event"]["state"] == "succeeded"
