"""Whatever goes wrong in a child, people read the right cause."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import parse_line
from workers.child import ChildFailure, cause_of
from workers.trainer.guards import StepGuard

ROOT = Path(__file__).parents[2]


def test_more_memory_than_there_is() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert cause_of(caught.value) is Cause.OUT_OF_MEMORY
    assert cause_of(torch.OutOfMemoryError("CUDA out of memory.")) is Cause.OUT_OF_MEMORY
    assert cause_of(MemoryError()) is Cause.OUT_OF_MEMORY


def test_a_full_disk() -> None:
    assert cause_of(OSError(errno.ENOSPC, "No space left on device")) is Cause.DISK_FULL
    assert cause_of(OSError(errno.EDQUOT, "Disk quota exceeded")) is Cause.DISK_FULL
    assert cause_of(RuntimeError("I/O error: No space left on device (os error 28)")) is Cause.DISK_FULL


def test_anything_else_is_a_crash() -> None:
    assert cause_of(ValueError("something")) is Cause.CRASHED


def test_a_child_that_crashes_prints_its_traceback_and_the_cause_below_what_a_library_made_of_it() -> None:
    body = """
        print("a library's own print")
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise ValueError("the library's own words") from error
    """
    program = f"from workers.child import run_program\ndef body():{body}\nrun_program(body)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    events = [parse_line(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 1
    assert (events[-1].code, events[-1].detail) == (Cause.DISK_FULL, "ValueError: the library's own words")
    assert {event.level for event in events[:-1]} == {"error"}
    assert ended.stderr == "a library's own print\n"


def test_gradients_that_are_not_finite_for_three_steps_in_a_row() -> None:
    guard = StepGuard()
    for step, norm in enumerate([float("inf"), float("nan"), 1.0, float("inf"), float("inf")], start=1):
        guard.check(step, 2.0, norm)
    with pytest.raises(ChildFailure, match="norm was inf in 3 steps up to step 6") as caught:
        guard.check(6, 2.0, float("inf"))
    assert caught.value.cause is Cause.LOSS_NOT_FINITE


def test_a_gradient_of_zero_now_and_then_is_no_failure() -> None:
    guard = StepGuard()
    for step in range(1, 10):
        guard.check(step, 2.0, 0.0 if step % 3 else 1.0)
