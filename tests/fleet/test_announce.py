"""A worker finds out what it has without loading torch, and tells it for as long as it lives."""

import os
import subprocess
import sys
import time

import psutil
import pytest
from django.utils import timezone

from finetune_app.fleet.capabilities import Capabilities
from finetune_app.fleet.models import Worker
from finetune_app.fleet.online import KEPT, ONLINE, online_workers
from finetune_app.fleet.services.announce_worker import announce_worker, say_alive, say_gone
from finetune_app.jobs.services.online_devices import online_devices
from finetune_app.settings import ROOT
from tests.jobs.queues import GIB, cpu_worker, gpu_worker
from workers.announce import Announcer, capabilities
from workers.gpus import Gpu, all_gpus, choose

HAS = Capabilities("cpu", "x86_64 CPU, 2 threads", 8 * GIB, has_bf16=False, cores=2)


def test_this_machine_tells_what_it_has():
    has = capabilities()
    assert has.kind == ("cuda" if all_gpus() else "cpu")
    assert has.memory_bytes > 0
    assert has.cores >= 1
    assert has.versions["torch"].startswith("2.")
    if has.kind == "cpu":
        assert has.gpus == 0
        assert has.memory_bytes <= psutil.virtual_memory().total


def test_it_says_the_same_as_torch_about_the_processor():
    """What the plan predicts for a worker's device is what the trainer finds on it."""
    look = (
        "import platform, torch, json; has = torch.cpu.get_capabilities();"
        "print(json.dumps([f'{platform.machine()} CPU, {torch.get_num_threads()} threads',"
        "bool(has.get('avx512_bf16') or has.get('amx_bf16'))]))"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    said = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    code = (
        "import json; from workers.announce import capabilities; has = capabilities();"
        "import sys; assert 'torch' not in sys.modules; print(json.dumps([has.device, has.has_bf16]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {code}"],
        env=environment | {"DJANGO_SETTINGS_MODULE": "finetune_app.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == said.stdout


def gpu(index: int) -> Gpu:
    return Gpu(index, f"GPU-{index}abc-{index}", "NVIDIA L4", 22 * GIB, has_bf16=True)


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("2", [2]),
        ("1,0", [1, 0]),
        ("GPU-1abc-1", [1]),
        ("GPU-2abc", [2]),
        ("GPU-", []),  # more than one begins so
        ("0, 2", [0, 2]),
        ("0,9,1", [0]),  # CUDA stops at the first that it does not know
        ("-1", []),
        ("1,1", [1]),
    ],
)
def test_which_gpus_a_worker_may_use(visible, found):
    assert [gpu.index for gpu in choose([gpu(0), gpu(1), gpu(2)], visible)] == found


def test_a_worker_is_online_until_it_ends_or_falls_silent(db):
    worker = announce_worker("train@a", HAS)
    assert list(online_workers()) == [worker]
    say_gone("train@a")
    assert list(online_workers()) == []
    announce_worker("train@a", HAS)
    assert [other.name for other in online_workers()] == ["train@a"]
    Worker.objects.update(seen_at=timezone.now() - 2 * ONLINE)
    assert list(online_workers()) == []
    assert say_alive("train@a")
    assert list(online_workers()) == [worker]


def test_a_worker_that_is_not_known_announces_itself_again(db):
    assert not say_alive("train@a")


def test_what_a_worker_has_may_change_when_it_starts_again(db):
    announce_worker("train@a", HAS)
    gpu_worker("train@a", gib=80)
    worker = Worker.objects.get()
    assert (worker.kind, worker.memory_bytes) == ("cuda", 80 * GIB)


def test_workers_of_last_week_are_forgotten_when_another_one_comes(db):
    announce_worker("train@a", HAS)
    Worker.objects.update(seen_at=timezone.now() - 2 * KEPT)
    announce_worker("train@b", HAS)
    assert list(Worker.objects.values_list("name", flat=True)) == ["train@b"]


@pytest.mark.django_db(transaction=True)
def test_it_goes_on_saying_that_it_lives_and_says_when_it_ends():
    announcer = Announcer("train@a", HAS, every=0.05)
    announcer.start()
    first = Worker.objects.get().seen_at
    wait_until(lambda: Worker.objects.get().seen_at > first)
    Worker.objects.all().delete()  # e.g. the database was put back from a backup
    wait_until(lambda: Worker.objects.filter(name="train@a").exists())
    announcer.end()
    announcer.join()
    assert Worker.objects.get().stopped_at


def test_plans_are_made_for_the_devices_that_are_online(db):
    gpu_worker("a", gib=24)
    gpu_worker("b", gib=24, gpus=2)
    cpu_worker("c")
    gone = gpu_worker("d", gib=80)
    say_gone(gone.name)
    found = [(device.kind, device.memory_bytes, count) for device, count in online_devices()]
    assert found == [("cuda", 24 * GIB, 3), ("cpu", 64 * GIB, 1)]


def wait_until(condition, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
