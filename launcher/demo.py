"""`make demo`: one real fine-tune over the REST API, from the upload to the checked download, and what it was worth."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finetune_app.environment import Environment
from finetune_app.jobs.events import StepEvent
from finetune_app.jobs.log_text import event_text
from launcher.errors import LaunchError
from launcher.health import is_ready
from launcher.home import Home
from launcher.instance import Instance, running
from launcher.lifeline import with_lifeline
from launcher.plan import NO_SAMPLE_JOB, ROOT, process_environment
from launcher.ports import LOOPBACK, free_port
from launcher.rest import Rest, RestError, check_sums
from launcher.variables import read_variables
from workers.demo.recipe import SAMPLE_CONFIG

ROWS = ROOT / "workers" / "demo" / "support_messages.jsonl"
DATASET = "support-messages"
BASE_MODEL = "smollm2-135m-instruct"
ADAPTER = "support-triage"
WORTH_IT = 0.5  # by how much the tuned exact match must be above the base's
POLL_SECONDS = 0.2
STOP_SECONDS = 60.0


def demo() -> int:
    """Run the journey; 0 when the tuned model is well above the base.

    Raises:
        LaunchError: Graft does not start, or refused a request.
    """
    began = time.monotonic()
    environment = read_variables()
    home = Home(environment.graft_home)
    home.make()
    with _graft(environment, home) as instance:
        variables = process_environment(environment, None) | {"PORT": str(instance.port), "HOST": instance.host}
        try:
            with Rest(instance.address, _new_token(variables)) as rest:
                job = _journey(rest)
        except RestError as error:
            raise LaunchError(str(error), code=1) from None
    return _verdict(job["scores"], time.monotonic() - began)


@contextmanager
def _graft(environment: Environment, home: Home) -> Iterator[Instance]:
    """The Graft that runs in this data folder, else one that runs as long as the block."""
    if found := running(home):
        print(f"Uses the Graft that runs at {found.address}.", flush=True)
        yield found
        return
    port = free_port()
    variables = process_environment(environment, None) | {"PORT": str(port), "HOST": LOOPBACK}
    command = with_lifeline([sys.executable, "-m", "launcher", "run", NO_SAMPLE_JOB])
    process = subprocess.Popen(command, cwd=ROOT, env=variables, start_new_session=True)
    try:
        while not is_ready(LOOPBACK, port):
            if (code := process.poll()) is not None:
                raise LaunchError("Graft did not start; the reason is above.", code=code or 1)
            time.sleep(POLL_SECONDS)
        yield Instance(process.pid, LOOPBACK, port)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _new_token(variables: dict[str, str]) -> str:
    command = [sys.executable, "manage.py", "create_token", "--name", "make demo"]
    finished = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise LaunchError(f"No API token could be made: {finished.stderr}", code=1)
    return finished.stdout.split()[-1]


def _journey(rest: Rest) -> dict[str, Any]:
    """Upload, queue, follow, download; returns the job as it ended."""
    print(f"Uploads {ROWS.name} as dataset “{DATASET}”.", flush=True)
    rest.upload(DATASET, ROWS)
    order = {"adapter": ADAPTER, "dataset": DATASET, "base_model": BASE_MODEL, "config": SAMPLE_CONFIG}
    number = rest.queue(order)["number"]
    print(f"Queued job {number}: {ADAPTER} on {BASE_MODEL}. Its log:", flush=True)
    for record in rest.follow(number):
        if isinstance(record.event, StepEvent):
            print(_step_line(record.event), flush=True)
        else:
            print(f"  {event_text(record.event)[:160]}", flush=True)
    job = rest.get(f"/api/v1/jobs/{number}")
    if job["state"] != "succeeded":
        reason = (job["cause"] or {}).get("message", "")
        raise RestError(f"job {number} ended as “{job['state']}”. {reason}")
    _fetch(rest, job["adapter_version"])
    return job


def _step_line(event: StepEvent) -> str:
    left = event.seconds / event.step * (event.total_steps - event.step)
    loss = "not finite" if event.loss is None else f"{event.loss:.3f}"
    return f"  step {event.step:>3} of {event.total_steps}   loss {loss}   {left:.0f} s left"


def _fetch(rest: Rest, version: dict[str, Any]) -> None:
    """Download the adapter in two pieces and check every file of it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "adapter.zip"
        rest.download(f"{version['url']}/download", archive)
        files = check_sums(archive)
        kib = archive.stat().st_size / 1024
    name = f"{version['adapter']}@{version['version']}"
    print(f"Downloaded {name} in two pieces: {files} files, {kib:,.0f} KiB, every SHA-256 is right.", flush=True)


def _verdict(scores: dict[str, Any], seconds: float) -> int:
    base, tuned = scores["base"], scores["tuned"]
    print(f"\nOn {scores['rows']} held-out rows      base     tuned")
    for label, key in (("exact match", "exact_match"), ("token accuracy", "token_accuracy")):
        print(f"  {label:<20} {base[key]:>8.1%}  {tuned[key]:>8.1%}")
    print(f"  {'loss':<20} {base['loss']:>8.3f}  {tuned['loss']:>8.3f}")
    print(f"The whole journey took {seconds:.0f} s.")
    gain = tuned["exact_match"] - base["exact_match"]
    if gain < WORTH_IT:
        print(f"The tuned exact match should be at least {WORTH_IT} above the base's; it is {gain:.2f} above.")
        return 1
    return 0
