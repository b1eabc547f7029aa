"""Cancels, pauses, failures, killed workers and a restarted Redis: a job always ends in a known state and goes on from
where it was; no line is lost, and its curve has each step once."""

import re
import threading
import time

import pytest

from tests.journey.fixtures import follow, queue, wait_for

pytestmark = pytest.mark.journey
LONG = {"max_steps": 4000}
KEPT = {"max_steps": 40, "save_steps": 4}


def wait_for_steps(rest, number, count=2):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if len(rest.get(f"/jobs/{number}/metrics").json()["items"]) >= count:
            return
        time.sleep(0.2)
    raise AssertionError(rest.get(f"/jobs/{number}/log").text[-3000:])


def wait_for_checkpoint(rest, number, step=4):
    """Until the log says that a checkpoint at `step` or later is kept."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        kept = re.findall(r"checkpoint at step (\d+) kept$", rest.get(f"/jobs/{number}/log").text, re.MULTILINE)
        if any(int(found) >= step for found in kept):
            return
        time.sleep(0.1)
    raise AssertionError(rest.get(f"/jobs/{number}/log").text[-3000:])


def steps_of(rest, number):
    return [point["step"] for point in rest.get(f"/jobs/{number}/metrics").json()["items"]]


def resumed_steps(job):
    return [attempt["resumed_step"] for attempt in job["attempts"]]


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
    number = queue(rest, "handed", **KEPT)
    wait_for_steps(rest, number)
    stack.end("train")
    assert wait_for(rest, number, "queued")["attempts"][-1]["state"] == "interrupted"
    stack.start_train_worker()
    job = wait_for(rest, number, seconds=240)
    assert job["state"] == "succeeded"
    assert [attempt["state"] for attempt in job["attempts"]] == ["interrupted", "succeeded"]
    # It had time to finish its step and to keep a checkpoint there: nothing is trained twice.
    assert resumed_steps(job) == [0, len(rest.get(f"/jobs/{number}/metrics?attempt=1").json()["items"])]
    assert steps_of(rest, number) == list(range(1, 41))


def test_a_paused_job_goes_on_where_it_was_when_it_is_resumed(rest):
    number = queue(rest, "paused", **KEPT)
    wait_for_steps(rest, number)
    assert rest.post(f"/jobs/{number}/pause").json()["state"] in {"pausing", "paused"}
    paused = wait_for(rest, number, "paused", seconds=120)
    assert paused["attempts"][-1]["state"] == "paused"
    reached = len(steps_of(rest, number))
    assert 2 <= reached < 40
    rest.post(f"/jobs/{number}/resume")
    job = wait_for(rest, number, seconds=240)
    assert (job["state"], resumed_steps(job)) == ("succeeded", [0, reached])
    assert steps_of(rest, number) == list(range(1, 41))
    points = rest.get(f"/jobs/{number}/metrics").json()["items"]
    assert [point["tokens"] for point in points] == sorted({point["tokens"] for point in points})
    assert [point["seconds"] for point in points] == sorted({point["seconds"] for point in points})


def test_a_job_that_is_done_is_trained_on_from_its_last_checkpoint(rest):
    number = queue(rest, "more", max_steps=4)
    assert wait_for(rest, number)["state"] == "succeeded"
    again = rest.post(f"/jobs/{number}/retry", json={"config": {"max_steps": 7, "learning_rate": 1e-4}}).json()
    job = wait_for(rest, again["number"])
    assert (job["state"], job["retry_of"], resumed_steps(job)) == ("succeeded", number, [4])
    points = rest.get(f"/jobs/{again['number']}/metrics").json()["items"]
    assert [(point["step"], point["learning_rate"]) for point in points] == [(5, 1e-4), (6, 1e-4), (7, 1e-4)]
    assert job["adapter_version"]["version"] == 2


def test_a_worker_killed_with_minus_nine_costs_an_attempt_and_no_line(stack, rest):
    number = queue(rest, "killed", **KEPT)
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(follow(rest, number)))
    watcher.start()
    wait_for_checkpoint(rest, number)
    stack.end("train", kill=True)
    stack.start_train_worker()
    job = wait_for(rest, number, seconds=240)
    watcher.join(timeout=30)
    assert [attempt["state"] for attempt in job["attempts"]] == ["lost", "succeeded"]
    assert resumed_steps(job)[1] >= 4
    assert steps_of(rest, number) == list(range(1, 41))
    assert [event_id for event_id, _ in seen] == [event_id for event_id, _ in follow(rest, number)]
    assert len({event_id for event_id, _ in seen}) == len(seen)


def test_a_redis_that_restarts_costs_no_line(stack, rest):
    if not stack.valkey:
        pytest.skip("the Redis of this run is not ours to restart")
    number = queue(rest, "restarted", **KEPT)
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(follow(rest, number)))
    watcher.start()
    wait_for_steps(rest, number)
    stack.valkey.stop()
    time.sleep(1)
    stack.start_redis()
    assert wait_for(rest, number, seconds=240)["state"] == "succeeded"
    watcher.join(timeout=30)
    assert [event_id for event_id, _ in seen] == [f"1:{index}" for index in range(1, len(seen) + 1)]
    assert seen[-1][1]["event"]["state"] == "succeeded"
    assert steps_of(rest, number) == list(range(1, 41))
