"""Which processes a machine gets: each training worker its own GPUs, and a name of its own."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.home import Home
from launcher.plan import NODES, Planned, plan, planned_for, training_workers
from launcher.variables import read_variables
from tests.launcher.conftest import Program, wait_until
from workers.gpus import Gpu


def gpus(*indexes: int) -> list[Gpu]:
    return [Gpu(index, f"GPU-{index}", "NVIDIA L4", 22 * 2**30, has_bf16=True) for index in indexes]


def held(planned: list[Planned]) -> dict[str, str]:
    return {process.name: process.variables["CUDA_VISIBLE_DEVICES"] for process in planned}


def test_a_machine_without_a_gpu_has_one_training_worker() -> None:
    [worker] = training_workers([], 1, of_machine=0)
    assert (worker.name, worker.node, worker.variables) == ("worker-train", NODES["worker-train"], {})
    assert worker.command[-6:] == ["-Q", "train", "-c", "1", "-n", "train@%h"]


def test_a_machine_with_one_gpu_has_one_training_worker() -> None:
    [worker] = training_workers(gpus(0), 1, of_machine=1)
    assert (worker.name, worker.node) == ("worker-train", "train@%h")
    assert worker.variables == {"CUDA_VISIBLE_DEVICES": "GPU-0"}


def test_each_gpu_has_a_worker_of_its_own() -> None:
    planned = training_workers(gpus(0, 1, 2), 1, of_machine=3)
    assert held(planned) == {
        "worker-train-gpu0": "GPU-0",
        "worker-train-gpu1": "GPU-1",
        "worker-train-gpu2": "GPU-2",
    }
    assert [worker.node for worker in planned] == ["train-gpu0@%h", "train-gpu1@%h", "train-gpu2@%h"]
    for worker in planned:  # one job at a time, under its own name
        assert worker.command[-4:] == ["-c", "1", "-n", worker.node]


def test_workers_may_hold_several_gpus() -> None:
    assert held(training_workers(gpus(0, 1, 2, 3, 4), 2, of_machine=5)) == {
        "worker-train-gpu0": "GPU-0,GPU-1",
        "worker-train-gpu2": "GPU-2,GPU-3",
        "worker-train-gpu4": "GPU-4",
    }


def test_two_starts_that_share_the_gpus_of_a_machine_do_not_share_a_name() -> None:
    one, two = (training_workers(gpus(index), 1, of_machine=2)[0] for index in (0, 1))
    assert one.node != two.node


def test_workers_share_the_processors_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    assert "OMP_NUM_THREADS" not in training_workers(gpus(0), 1, of_machine=1)[0].variables
    for worker in training_workers(gpus(0, 1), 1, of_machine=2):
        assert worker.variables["OMP_NUM_THREADS"] == str(max(1, cores // 2))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "OMP_NUM_THREADS" not in training_workers(gpus(0, 1), 1, of_machine=2)[0].variables


def test_all_names_of_a_plan_are_unique_and_a_role_finds_its_processes(tmp_path: Path) -> None:
    processes = plan(read_variables(), Home(tmp_path))
    assert len({process.name for process in processes}) == len(processes)
    assert [process.name for process in planned_for("beat", processes)] == ["beat"]
    assert planned_for("worker-train", processes)
    assert planned_for("worker", processes) == []
    several = [*training_workers(gpus(0, 1), 1, of_machine=2), *planned_for("worker-light", processes)]
    assert [process.name for process in planned_for("worker-train", several)] == [
        "worker-train-gpu0",
        "worker-train-gpu1",
    ]
    assert [process.name for process in planned_for("worker-train-gpu1", several)] == ["worker-train-gpu1"]


GROUP = """
import os, sys
from launcher.group import run_group
from launcher.plan import Planned
code = "import os, signal, sys, time; signal.signal(15, lambda *_: sys.exit(0));" \\
    "open(sys.argv[1], 'w').write(f'{os.getpid()} {os.environ[\\"CUDA_VISIBLE_DEVICES\\"]}'); time.sleep(600)"
planned = [Planned(f"w{n}", ["-c", code, f"{sys.argv[1]}/{n}"], variables={"CUDA_VISIBLE_DEVICES": n}) for n in "01"]
print("code", run_group(planned, os.environ), flush=True)
"""


def started(folder: Path) -> list[list[str]]:
    wait_until(lambda: all((folder / name).exists() and (folder / name).read_text() for name in "01"))
    return [(folder / name).read_text().split() for name in "01"]


def test_a_role_with_several_workers_ends_all_of_them_on_a_signal(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    program = start("-c", GROUP, str(tmp_path))
    found = started(tmp_path)
    assert [visible for _, visible in found] == ["0", "1"]
    program.end(signal.SIGTERM)
    assert program.output == "code 0\n"


def test_when_one_of_several_workers_ends_the_rest_ends_too(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start("-c", GROUP, str(tmp_path))
    os.kill(int(started(tmp_path)[1][0]), signal.SIGKILL)
    program.wait_for("code 1")
    assert "w1 ended by itself with exit code -9." in program.output


def test_a_wrong_role_is_told_the_right_ones(start: Callable[..., Program]) -> None:
    program = start("-m", "launcher.role", "trainer")
    assert program.process.wait(30) == 2
    assert "web|worker-train|worker-light|beat" in program.output


def test_a_wrong_number_of_gpus_is_one_line(start: Callable[..., Program]) -> None:
    program = start("-m", "launcher", "run", GRAFT_GPUS_PER_WORKER="0")
    assert program.process.wait(30) == 2
    assert program.output.startswith("GRAFT_GPUS_PER_WORKER: “0” will not do")
