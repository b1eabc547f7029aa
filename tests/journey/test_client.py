"""The main job by the command line alone, each command a process of its own, and what Python's client gets of it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graft import Client
from tests.journey.fixtures import QUICK, rows
from tests.served import CuttingProxy

pytestmark = pytest.mark.journey
PROGRAM = Path(sys.prefix) / "bin" / "graft"


class Shell:
    """A person's terminal without a screen: a config folder and a working folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        left_out = {"GRAFT_URL", "GRAFT_TOKEN", "DJANGO_SETTINGS_MODULE"}
        kept = {name: value for name, value in os.environ.items() if name not in left_out}
        self.env = kept | {"GRAFT_CONFIG_DIR": str(folder / "config"), "NO_PROXY": "127.0.0.1", "COLUMNS": "120"}

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Tests that run in the background of a shell are deaf to Ctrl-C, and so would this be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def run(self, *arguments: object, stdin: str = "", code: int = 0) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(stdin, timeout=150)
        assert process.returncode == code, (arguments, out, err)
        return out


@pytest.fixture(scope="module")
def shell(stack, tmp_path_factory):
    shell = Shell(tmp_path_factory.mktemp("shell"))
    shell.run("login", stack.address, stdin=f"{stack.token}\n")
    return shell


@pytest.fixture(scope="module")
def made(shell):
    """The number of a job that the command line queued and watched to its end, and the lines that it saw."""
    (shell.folder / "rows.jsonl").write_bytes(rows())
    dataset = shell.run("datasets", "push", "by-hand", "rows.jsonl").strip()
    order = {"adapter": "by-hand", "dataset": dataset, "base_model": "tiny", "config": QUICK}
    (shell.folder / "job.yaml").write_text(json.dumps(order))  # which is YAML too
    number = int(shell.run("jobs", "submit", "job.yaml"))
    return number, shell.run("jobs", "watch", number).splitlines()


def test_watching_shows_steps_and_scores_and_ends_with_what_was_made(made):
    number, lines = made
    assert [line for line in lines if line.startswith("step 3/3  loss ")]
    assert [line for line in lines if line.startswith("scores on 4 held-out rows: base ")]
    assert lines[-1] == f"job {number} succeeded: by-hand@1"


def test_watching_again_as_json_is_one_record_a_line(made, shell):
    records = [json.loads(line) for line in shell.run("jobs", "watch", made[0], "--json").splitlines()]
    assert [record["number"] for record in records] == list(range(1, len(records) + 1))
    assert records[-1]["event"]["state"] == "succeeded"


def test_a_stream_that_breaks_again_and_again_loses_no_line(made, stack):
    proxy = CuttingProxy(stack.address, [1500, 2500, 4000])
    with Client(proxy.address, stack.token) as client:
        numbers = [record["number"] for record in client.jobs.watch(made[0])]
    proxy.close()
    assert proxy.cuts == 3
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_was_made_comes_here_whole_and_is_promoted(made, shell):
    assert "by-hand" in shell.run("adapters", "list")
    assert shell.run("adapters", "promote", "by-hand", "--reason", "the first") == "by-hand@production: new → v1\n"
    folder = shell.run("adapters", "pull", "by-hand@production").strip()
    assert folder == str(shell.folder / "by-hand-v1")
    assert "is whole" in shell.run("adapters", "verify", folder)
    (Path(folder) / "adapter_config.json").write_text("{}")
    shell.run("adapters", "verify", folder, code=1)


def test_the_log_is_that_of_the_page(made, shell):
    lines = shell.run("jobs", "logs", made[0]).splitlines()
    assert json.loads(shell.run("jobs", "logs", made[0], "--json"))["lines"] == lines
    assert len(lines) > 5


def test_ctrl_c_ends_the_watching_and_not_the_job(made, shell):
    order = ("--adapter", "long", "--dataset", "by-hand", "--base", "tiny", "--set", "max_steps=4000", "--set", "r=4")
    number = int(shell.run("jobs", "submit", *order))
    watching = shell.start("jobs", "watch", number)
    assert watching.stdout is not None
    seen = []
    while not seen or not seen[-1].startswith("step "):
        seen.append(watching.stdout.readline())
        assert seen[-1], seen
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert f"graft jobs watch {number}" in err
    assert json.loads(shell.run("jobs", "list", "--json"))[0]["state"] == "running"
    shell.run("jobs", "cancel", number)
    shell.run("jobs", "watch", number, code=1)


def test_help_comes_at_once(shell):
    began = time.monotonic()
    assert "datasets" in shell.run("--help")
    assert time.monotonic() - began < 5  # about 0.4 s; the training stack alone would take longer than this
