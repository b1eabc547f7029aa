"""A real worker process announces itself when it starts and says goodbye when it ends."""

import time

import pytest

from tests.journey.fixtures import queue, wait_for

pytestmark = pytest.mark.journey


def state_of(rest, name):
    workers = {worker["name"]: worker for worker in rest.get("/workers").json()["items"]}
    return workers.get(name, {}).get("state")


def wait_for_state(rest, name, state, seconds=30.0):
    until = time.monotonic() + seconds
    while state_of(rest, name) != state:
        assert time.monotonic() < until, f"{name} is {state_of(rest, name)}, not {state}"
        time.sleep(0.1)


def test_a_worker_is_seen_while_it_lives(stack, rest):
    stack.start_train_worker("second")
    wait_for_state(rest, "second@journey", "idle")
    stack.end("second")
    wait_for_state(rest, "second@journey", "gone", seconds=1.0)


def test_a_worker_is_busy_with_the_job_that_it_runs(stack, rest):
    wait_for_state(rest, "train@journey", "idle")
    number = queue(rest, "seen", max_steps=30)
    wait_for_state(rest, "train@journey", "busy")
    [job] = [worker["job"] for worker in rest.get("/workers").json()["items"] if worker["state"] == "busy"]
    assert job == number
    assert wait_for(rest, number)["attempts"][-1]["worker"] == "train@journey"


def test_a_worker_hears_what_is_for_it_alone(stack, rest):
    stack.start_train_worker("third")
    wait_for_state(rest, "third@journey", "idle")
    log = stack.home / "third.log"
    nudge = "from finetune_app.celery import RUN_NEXT_JOB, nudge; nudge(RUN_NEXT_JOB, worker='third@journey')"
    before = log.read_text().count("succeeded")
    stack.manage("shell", "-c", nudge)
    until = time.monotonic() + 30
    while log.read_text().count("succeeded") == before:
        assert time.monotonic() < until, log.read_text()[-2000:]
        time.sleep(0.1)
    stack.end("third")
