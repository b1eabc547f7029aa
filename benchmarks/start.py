"""From the click to the first step: a real Graft (web, worker, Redis) in a data folder, demo base, nf4, 8 rows a step.

The clock runs from the request that queues a job until the line of its first step arrives on the event stream, which is
when the page shows it. “cold” is a job that is queued as soon as Graft answers after its start, while the worker's warm
process still imports; “warm” the jobs after it. The first start in a data folder prepares the demo base, which takes a
minute more and is not measured.

usage: python benchmarks/start.py DATA_FOLDER [--repeat 5] [--cold 2]
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from finetune_app.jobs.events import PhaseEvent, PlanEvent, StepEvent  # noqa: E402
from launcher.health import is_ready  # noqa: E402
from launcher.lifeline import with_lifeline  # noqa: E402
from launcher.plan import NO_SAMPLE_JOB  # noqa: E402
from launcher.ports import LOOPBACK, free_port  # noqa: E402
from launcher.rest import Rest  # noqa: E402
from workers.demo.recipe import SAMPLE_CONFIG  # noqa: E402

ORDER = {"dataset": "support-messages", "base_model": "smollm2-135m-instruct", "config": SAMPLE_CONFIG}
READY_SECONDS, PREPARE_SECONDS, WARM_SECONDS, END_SECONDS = 120, 600, 30, 60
names = (f"start-{index}" for index in itertools.count(time.time_ns()))


@contextmanager
def graft(home: Path) -> Iterator[tuple[Rest, httpx.Client]]:
    """A Graft that runs as long as the block."""
    port = free_port()
    variables = os.environ | {"GRAFT_HOME": str(home), "PORT": str(port), "HOST": LOOPBACK}
    command = with_lifeline([sys.executable, "-m", "launcher", "run", NO_SAMPLE_JOB])
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_ready(LOOPBACK, port), PREPARE_SECONDS)
        made = subprocess.run(
            [sys.executable, "manage.py", "create_token", "--name", "benchmark"],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        address, token = f"http://{LOOPBACK}:{port}", made.stdout.split()[-1]
        headers = {"Authorization": f"Bearer {token}"}
        with Rest(address, token) as rest, httpx.Client(base_url=address, headers=headers, trust_env=False) as client:
            wait_until(lambda: has_base(client), PREPARE_SECONDS)
            yield rest, client
    finally:
        process.terminate()
        process.wait(END_SECONDS)


def has_base(client: httpx.Client) -> bool:
    """Whether the demo base and the sample dataset are there."""
    bases, datasets = client.get("/api/v1/base-models"), client.get("/api/v1/datasets")
    return ORDER["base_model"] in bases.text and ORDER["dataset"] in datasets.text


def wait_until(holds: Any, seconds: float) -> None:
    """Ask until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"Nothing came of it within {seconds} s.")
        time.sleep(0.1)


def first_step(rest: Rest, client: httpx.Client) -> dict[str, float]:
    """Seconds from the request to what the event stream told; the job is cancelled then."""
    begin, clock = time.time(), time.monotonic()
    number = rest.queue(ORDER | {"adapter": next(names)})["number"]
    found = {"queued": time.monotonic() - clock}
    for record in rest.follow(number):
        match record.event:
            case PhaseEvent(phase=phase):
                found.setdefault(phase.value, record.time - begin)
            case PlanEvent():
                found.setdefault("loaded", record.time - begin)
            case StepEvent():
                found |= {"step made": record.time - begin, "step seen": time.monotonic() - clock}
                break
            case _:
                pass
    client.post(f"/api/v1/jobs/{number}/cancel").raise_for_status()
    wait_until(lambda: rest.get(f"/api/v1/jobs/{number}")["state"] == "cancelled", END_SECONDS)
    return found


def show(name: str, rounds: list[dict[str, float]]) -> None:
    """The median and range of all, and where the time of the median went."""
    seen = [found["step seen"] for found in rounds]
    print(f"{name}: median {statistics.median(seen):.2f} s, {min(seen):.2f} to {max(seen):.2f} s, {len(seen)} jobs")
    for stage in rounds[0]:
        print(f"    {stage:<12} {statistics.median(found.get(stage, float('nan')) for found in rounds):6.2f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--cold", type=int, default=2)
    options = parser.parse_args()
    with graft(options.folder.resolve()):
        pass  # the demo base is there from now on
    cold, warm = [], []
    for start in range(options.cold):
        with graft(options.folder.resolve()) as (rest, client):
            cold.append(first_step(rest, client))
            if start == options.cold - 1:
                time.sleep(WARM_SECONDS)
                warm = [first_step(rest, client) for _ in range(options.repeat)]
    show("cold", cold)
    show("warm", warm)


if __name__ == "__main__":
    main()
