"""`make run` as a whole: everything starts, one address signs in, and everything ends."""

import os
import re
import signal
from collections.abc import Callable
from http import HTTPStatus

import httpx
import pytest

from launcher.home import Home
from launcher.ports import free_port
from tests.launcher.conftest import Program, pids_with, wait_until

TINY_MODEL_AS_DEMO_BASE = """
from django.core.management import call_command
from finetune_app.accounts.models import Workspace
from tests.tiny_base import register_tiny_base
from workers.demo.prepare import BASE_NAME

call_command("migrate", verbosity=0)
call_command("ensure_first_user")
register_tiny_base(Workspace.objects.get(), name=BASE_NAME)
"""
PROCESSES = ["web", "worker-train", "worker-light", "beat"]


@pytest.fixture
def prepared(start: Callable[..., Program], home: Home) -> Home:
    """A data folder in which the demo base is there already."""
    program = start("manage.py", "shell", "--command", TINY_MODEL_AS_DEMO_BASE)
    assert program.process.wait(60) == 0, program.output
    return home


@pytest.fixture
def graft(start: Callable[..., Program], prepared: Home) -> Program:
    """A Graft that is ready."""
    assert prepared.root.exists()
    program = start("-m", "launcher", "run", "--no-sample-job", PORT=str(free_port()))
    program.wait_for("Stop   Ctrl-C")
    return program


def address_in(output: str) -> str:
    [address] = re.findall(r"http://127\.0\.0\.1:\S+", output)
    return str(address)


def process_id(home: Home, name: str) -> int:
    found = re.search(rf"\b{name} started \(pid=(\d+)\)", (home.logs / "launcher.log").read_text())
    assert found is not None
    return int(found[1])


def test_it_starts_signs_in_and_stops_with_nothing_left_behind(
    graft: Program, start: Callable[..., Program], home: Home
) -> None:
    with httpx.Client(follow_redirects=True, trust_env=False) as browser:
        page = browser.get(address_in(graft.output))
        assert page.status_code == HTTPStatus.OK
        assert page.url.path == "/w/team/"

    again = start("-m", "launcher", "run", PORT=str(free_port()))
    assert again.process.wait(30) == 0
    assert again.output.startswith(f"Graft is already running at http://{page.url.netloc.decode()}.\n")
    with httpx.Client(follow_redirects=True, trust_env=False) as browser:
        assert browser.get(again.output.splitlines()[1]).url.path == "/w/team/"

    assert graft.end(signal.SIGINT) == 0
    assert graft.output.endswith("Graft has stopped.\n")
    assert "Traceback" not in graft.output
    assert pids_with(str(home.root)) == []
    for name in PROCESSES:
        assert "Traceback" not in (home.logs / f"{name}.log").read_text()


def test_every_process_says_that_it_does_its_work(graft: Program, start: Callable[..., Program], home: Home) -> None:
    port = address_in(graft.output).split(":")[2].split("/")[0]
    checks = {
        name: start("-m", "launcher.health", name, PORT=port, REDIS_URL_FILE=str(home.run / "redis-url"))
        for name in PROCESSES
    }
    assert {name: check.process.wait(60) for name, check in checks.items()} == dict.fromkeys(PROCESSES, 0)
    os.kill(process_id(home, "worker-light"), signal.SIGSTOP)
    try:
        stuck = start("-m", "launcher.health", "worker-light", REDIS_URL_FILE=str(home.run / "redis-url"))
        assert stuck.process.wait(60) == 1
    finally:
        os.kill(process_id(home, "worker-light"), signal.SIGCONT)


@pytest.mark.parametrize("victim", ["web", "redis"])
def test_when_one_process_dies_the_rest_ends_and_the_screen_says_which(graft: Program, home: Home, victim: str) -> None:
    if victim == "redis":
        [pid] = [int(line.split(":")[0]) for line in (home.logs / "redis.log").read_text().splitlines()[-1:]]
    else:
        pid = process_id(home, victim)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: graft.process.poll() is not None)
    assert graft.process.returncode == 1
    assert f"{victim} was killed by SIGKILL, so Graft stops. Its last lines:" in graft.output
    assert pids_with(str(home.root)) == []
