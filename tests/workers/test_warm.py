"""A run that the warm process forks is the run that a new interpreter would be, and nobody depends on that process."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from finetune_app.jobs.events import DoneEvent, parse_line
from tests.workers.runs import make_run
from workers import start_program as starting
from workers.start_program import NewInterpreter, start_program
from workers.warm.start import WarmParent, WarmProcess

PROGRAMS = "tests.workers.programs"
LIGHT = f"{PROGRAMS}.light_preload"
PATIENCE_SECONDS = 30


def warm_up(monkeypatch, modules, preload=LIGHT):
    parent = WarmParent(frozenset(modules), preload)
    monkeypatch.setattr(starting, "warm_parent", parent)
    parent.warm_up()
    return parent


@pytest.fixture
def parent(monkeypatch):
    programs = ("good", "surroundings", "waiting", "killed", "crashing")
    parent = warm_up(monkeypatch, [f"{PROGRAMS}.{name}" for name in programs])
    assert parent.is_ready(PATIENCE_SECONDS)
    yield parent
    parent.close()


def finish(child) -> tuple[list, str, int | None]:
    """Its events, its standard error and its exit code."""
    events = [parse_line(line.decode()) for line in child.stdout]
    error = child.stderr.read().decode()
    code = child.wait(PATIENCE_SECONDS)
    close(child)
    return events, error, code


def close(child) -> None:
    for stream in (child.stdin, child.stdout, child.stderr):
        stream.close()
    child.close()


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_until(holds) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_fork_finds_what_a_new_interpreter_finds(parent, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_NEW_SINCE_THEN", "yes")
    fork = start_program(f"{PROGRAMS}.surroundings", tmp_path)
    assert isinstance(fork, WarmProcess)
    parent.close()
    new = start_program(f"{PROGRAMS}.surroundings", tmp_path)
    assert isinstance(new, NewInterpreter)
    found = [finish(child)[0][0].facts for child in (fork, new)]
    assert found[0] == found[1]
    assert found[0]["graft"]["GRAFT_NEW_SINCE_THEN"] == "yes"
    assert found[0]["argv"] == [str(tmp_path)]


def test_exit_codes_and_signals_are_known(parent, tmp_path):
    for program, expected in (("good", 0), ("crashing", 1), ("killed", -signal.SIGKILL)):
        child = start_program(f"{PROGRAMS}.{program}", tmp_path)
        assert isinstance(child, WarmProcess)
        assert finish(child)[2] == expected
    assert parent.is_ready()


def test_other_programs_are_started_as_ever(parent, tmp_path):
    child = start_program(f"{PROGRAMS}.flood", tmp_path)
    assert isinstance(child, NewInterpreter)
    finish(child)


def test_until_it_is_ready_runs_do_not_wait_for_it(monkeypatch, tmp_path):
    parent = warm_up(monkeypatch, [f"{PROGRAMS}.good"])
    child = start_program(f"{PROGRAMS}.good", tmp_path)
    assert isinstance(child, NewInterpreter)
    assert finish(child)[2] == 0
    parent.close()


def test_when_it_dies_runs_go_on_and_a_new_one_comes(parent, tmp_path):
    first = parent.pid
    waiting = start_program(f"{PROGRAMS}.waiting", tmp_path)
    waiting.stdout.readline()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: is_gone(first))
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.2)

    child = start_program(f"{PROGRAMS}.good", tmp_path)
    assert isinstance(child, NewInterpreter)
    assert finish(child)[2] == 0
    assert parent.is_ready(PATIENCE_SECONDS)
    assert parent.pid != first
    child = start_program(f"{PROGRAMS}.good", tmp_path)
    assert isinstance(child, WarmProcess)
    assert finish(child)[2] == 0

    waiting.terminate()
    assert waiting.wait(PATIENCE_SECONDS) is None
    close(waiting)


def test_one_that_cannot_import_does_not_stand_in_the_way(monkeypatch, tmp_path):
    parent = warm_up(monkeypatch, [f"{PROGRAMS}.good"], preload="no.such.module")
    for _ in range(4):
        wait_until(lambda: parent.pid is None or is_gone(parent.pid))
        child = start_program(f"{PROGRAMS}.good", tmp_path)
        assert isinstance(child, NewInterpreter)
        assert finish(child)[2] == 0
    assert parent.pid is None  # after some attempts it is given up
    parent.close()


def test_a_child_that_nobody_watches_any_more_is_ended(parent, tmp_path):
    child = start_program(f"{PROGRAMS}.waiting", tmp_path)
    child.stdout.readline()
    child._report.close()  # as the kernel does when a worker dies
    wait_until(lambda: not psutil.pid_exists(child.pid))
    assert parent.is_ready()
    close(child)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_worker(tmp_path, ending):
    worker = subprocess.Popen(
        [sys.executable, "-m", f"{PROGRAMS}.worker_with_children", str(tmp_path)], stdout=subprocess.PIPE
    )
    with worker.stdout:
        pids = [int(pid) for pid in worker.stdout.readline().split()]
        assert len(pids) == 3
        assert not any(is_gone(pid) for pid in pids)
        worker.send_signal(ending)
        worker.wait(PATIENCE_SECONDS)
        wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_twenty_runs_do_not_make_it_grow(parent, tmp_path):
    def run() -> None:
        child = start_program(f"{PROGRAMS}.good", tmp_path)
        assert isinstance(child, WarmProcess)
        assert finish(child)[2] == 0

    process = psutil.Process(parent.pid)
    run()
    wait_until(lambda: not process.children())
    memory, descriptors = process.memory_info().rss, process.num_fds()
    for _ in range(20):
        run()
    wait_until(lambda: not process.children())
    assert process.memory_info().rss - memory < 2 * 2**20
    assert process.num_fds() == descriptors


def test_a_training_run_is_the_same_to_the_last_bit(monkeypatch, tmp_path):
    parent = warm_up(monkeypatch, ["workers.trainer"], "workers.warm.preload")
    adapters = []
    for name, kind in (("new", NewInterpreter), ("fork", WarmProcess)):
        if kind is WarmProcess:
            assert parent.is_ready(60)
        folder = make_run(tmp_path / name, max_steps=3)
        child = start_program("workers.trainer", folder)
        assert isinstance(child, kind)
        events, error, code = finish(child)
        assert code == 0, error
        assert isinstance(events[-1], DoneEvent)
        adapters.append((folder / "adapter" / "adapter_model.safetensors").read_bytes())
    parent.close()
    assert adapters[0] == adapters[1]
