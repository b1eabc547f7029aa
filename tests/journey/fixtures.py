"""One stack for all journeys and browser tests of a run, with the tiny base and a dataset of real rows in it."""

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.journey.stack import Stack
from tests.tiny import tiny_base

FINAL = {"succeeded", "failed", "cancelled"}
QUICK = {
    "r": 4,
    "lora_alpha": 8,
    "learning_rate": 5e-3,
    "lr_scheduler_type": "constant",
    "max_steps": 3,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "max_length": 256,
    "held_out_max_rows": 4,
}


@pytest.fixture(scope="session")
def tiny_base_folder():
    """A real, tiny base model on disk."""
    return tiny_base()


@pytest.fixture(scope="session")
def stack(tmp_path_factory, tiny_base_folder):
    stack = Stack(tmp_path_factory.mktemp("journey"))
    try:
        stack.start()
        stack.manage("register_base", "tiny", str(tiny_base_folder))
        stack.start_train_worker()
        with stack.client() as client:
            answer = client.post("/datasets", data={"name": "support"}, files={"file": ("rows.jsonl", rows())})
            assert answer.status_code == httpx.codes.CREATED, answer.text
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def merged(stack):
    """A merged model of `folded@1`, a QLoRA adapter that a job trained, as REST tells it when its merge is over."""
    with stack.client() as client:
        assert wait_for(client, queue(client, "folded", max_steps=4), seconds=180)["state"] == "succeeded"
        answer = client.post("/adapters/folded/versions/1/merged", json={"options": {"dtype": "float32"}})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        end = time.monotonic() + 240
        while (found := client.get(answer.json()["url"]).json())["state"] not in FINAL:
            assert time.monotonic() < end, found
            time.sleep(0.2)
        return found


@pytest.fixture
def rest(stack):
    with stack.client() as client:
        yield client


def rows(count: int = 60) -> bytes:
    """Chat rows, the first of those that the demo uses; five of these are held out."""
    path = Path(__file__).resolve().parents[2] / "workers" / "demo" / "support_messages.jsonl"
    return b"".join(path.read_bytes().splitlines(keepends=True)[:count])


def queue(rest: httpx.Client, adapter: str, *, dataset: str = "support", **config) -> int:
    """The number of a new job with the quick config, changed by `config`."""
    order = {"adapter": adapter, "dataset": dataset, "base_model": "tiny", "config": QUICK | config}
    answer = rest.post("/jobs", json=order)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return answer.json()["number"]


def wait_for(rest: httpx.Client, number: int, *states: str, seconds: float = 90) -> dict:
    """The job once it is in one of the states (any final one by default)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = rest.get(f"/jobs/{number}").json()
        if job["state"] in (states or FINAL):
            return job
        assert job["state"] not in FINAL, job
        time.sleep(0.2)
    raise AssertionError(f"job {number} is still {job['state']}: {rest.get(f'/jobs/{number}/log').text[-3000:]}")


def follow(rest: httpx.Client, number: int, after: str = "") -> list[tuple[str, dict]]:
    """Every event of the job's stream, as (id, record), until it ends."""
    seen, event_id = [], ""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    with rest.stream("GET", f"/jobs/{number}/log", headers=headers, timeout=120) as answer:
        for line in answer.iter_lines():
            if line.startswith("id: "):
                event_id = line[4:]
            elif line == "event: end":
                break
            elif line.startswith("data: ") and event_id:
                seen.append((event_id, json.loads(line[6:])))
                event_id = ""
    return seen
