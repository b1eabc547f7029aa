"""A run on several processes learns what a run on one learns, tells it once, and ends as one.

The processes are forks on the CPU that meet over gloo. Where they compute in another order than one process, the losses
differ in the last digits of float32: 1e-5 of each is allowed for the first steps, 1e-3 for what follows from them.
"""

import os
import signal
import threading
import time

import psutil
import pytest
from safetensors.torch import load_file

from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import DoneEvent, ErrorEvent, PlanEvent, StepEvent, parse_line
from finetune_app.jobs.many_processes import needed_on_each, share_of_one
from finetune_app.jobs.methods.sft import SFTOptions
from tests.workers.runs import chat_rows, make_run
from workers.spec import SPEC_NAME, RunSpec
from workers.warm.start import WarmParent, WarmProcess

SECONDS = 120
CLOSE, LATER = 1e-5, 1e-3


@pytest.fixture(scope="module")
def warm():
    parent = WarmParent(frozenset({"workers.trainer"}))
    parent.warm_up()
    assert parent.is_ready(SECONDS)
    yield parent
    parent.close()


class Run:
    """A run of the trainer in several processes, with all that it says."""

    def __init__(self, warm, folder, processes, rows=None, memory_factor=1.0, resume=None, **options):
        make_run(folder, rows, **options)
        spec = RunSpec.model_validate_json((folder / SPEC_NAME).read_text())
        change = {"processes": processes, "memory_factor": memory_factor, "resume_folder": resume}
        (folder / SPEC_NAME).write_text(spec.model_copy(update=change).model_dump_json())
        self.folder = folder
        self.events, self.errors = [], []
        self.child = warm.start("workers.trainer", folder, os.environ | {"GRAFT_SUPERVISED": "1"})
        assert isinstance(self.child, WarmProcess)
        self.readers = [threading.Thread(target=self._hear), threading.Thread(target=self._hear_errors)]
        for reader in self.readers:
            reader.start()

    def _hear(self):
        for line in self.child.stdout:
            self.events.append(parse_line(line.decode()))

    def _hear_errors(self):
        for line in self.child.stderr:
            self.errors.append(line.decode())

    def end(self):
        """Its exit code, when it has ended."""
        code = self.child.wait(SECONDS)
        for reader in self.readers:
            reader.join(10)
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            stream.close()
        self.child.close()
        return code

    def finish(self):
        assert self.end() == 0, (self.events[-3:], "".join(self.errors))
        assert [type(event) for event in self.events].count(DoneEvent) == 1
        return self

    def until(self, holds):
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, (self.events, "".join(self.errors))
            time.sleep(0.05)

    @property
    def steps(self):
        return [event for event in self.events if isinstance(event, StepEvent)]

    @property
    def error(self):
        return [event for event in self.events if isinstance(event, ErrorEvent)]

    @property
    def plan(self):
        return next(event.facts for event in self.events if isinstance(event, PlanEvent))

    @property
    def ranks(self):
        """The processes of the run."""
        return psutil.Process(self.child.pid).children()


ENDLESS = {"max_steps": 100_000, "eval_steps": 100_000, "save_steps": 100_000}


@pytest.mark.parametrize("way", ["lean", "packed", "plain"])
def test_the_loss_curve_is_that_of_one_process(warm, tmp_path, way):
    options = {
        "lean": {},
        "packed": {"packing": True, "per_device_train_batch_size": 1},
        "plain": {"optim": "adafactor", "learning_rate": 0.001},
    }[way]
    options = {"quantization": "none", "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2} | options
    options["max_steps"] = 5
    rows = chat_rows(72)  # more than these steps learn from
    one = Run(warm, tmp_path / "one", 1, rows, **options).finish()
    two = Run(warm, tmp_path / "two", 2, rows, **options).finish()

    assert [step.step for step in two.steps] == [1, 2, 3, 4, 5]
    assert [step.total_steps for step in two.steps] == [5] * 5
    assert [step.tokens for step in two.steps] == [step.tokens for step in one.steps]
    for index, (ours, theirs) in enumerate(zip(two.steps, one.steps, strict=True)):
        assert ours.loss == pytest.approx(theirs.loss, rel=CLOSE if index < 2 else LATER)
        assert ours.grad_norm == pytest.approx(theirs.grad_norm, rel=LATER)
    assert two.plan["processes"] == 2
    assert two.plan["effective_batch_size"] == one.plan["effective_batch_size"]

    adapters = [load_file(run.folder / "adapter" / "adapter_model.safetensors") for run in (one, two)]
    assert adapters[0].keys() == adapters[1].keys()
    for name, weight in adapters[0].items():
        assert (adapters[1][name] - weight).norm() <= 0.02 * weight.norm()


TOO_LARGE = 1e9  # what the measured peaks of earlier runs were of the predicted ones: no device holds that


def test_weights_that_no_device_holds_are_sharded_and_learn_the_same(warm, tmp_path):
    options = {"quantization": "none", "fit_to_device": False, "per_device_train_batch_size": 2}
    options |= {"gradient_accumulation_steps": 2, "max_steps": 5}
    one = Run(warm, tmp_path / "one", 1, chat_rows(72), **options).finish()
    two = Run(warm, tmp_path / "two", 2, chat_rows(72), memory_factor=TOO_LARGE, **options).finish()
    assert "FSDP" in two.plan["weights"]
    for index, (ours, theirs) in enumerate(zip(two.steps, one.steps, strict=True)):
        assert ours.loss == pytest.approx(theirs.loss, rel=CLOSE if index < 2 else LATER)
    adapters = [load_file(run.folder / "adapter" / "adapter_model.safetensors") for run in (one, two)]
    assert adapters[0].keys() == adapters[1].keys()
    for name, weight in adapters[0].items():
        assert adapters[1][name].shape == weight.shape
        assert (adapters[1][name] - weight).norm() <= 0.02 * weight.norm()


def test_a_quantized_base_that_no_device_holds_is_refused(warm, tmp_path):
    run = Run(warm, tmp_path, 2, memory_factor=TOO_LARGE, quantization="nf4")
    assert run.end() == 1
    assert {event.code for event in run.error} == {Cause.OUT_OF_MEMORY}


def test_a_failure_of_any_process_is_the_cause_of_the_run(warm, tmp_path):
    """Rows that cannot be trained on are found by each; the first to find them says so, once."""
    run = Run(warm, tmp_path, 2, chat_rows(6), max_length=16)
    assert run.end() == 1
    assert {event.code for event in run.error} == {Cause.NOTHING_TO_TRAIN}


def test_one_process_killed_ends_all_of_them_as_killed(warm, tmp_path):
    run = Run(warm, tmp_path, 2, **ENDLESS)
    run.until(lambda: len(run.steps) > 2)
    first, second = run.ranks
    second.kill()
    assert run.end() == -signal.SIGKILL
    assert run.error == []  # the supervisor says it
    assert not first.is_running()


def test_a_stop_reaches_all_at_the_same_step(warm, tmp_path):
    run = Run(warm, tmp_path, 2, **ENDLESS)
    run.until(lambda: len(run.steps) > 2)
    ranks = run.ranks
    run.child.terminate()
    assert run.end() == 128 + signal.SIGTERM
    assert not any(process.is_running() for process in ranks)
    last = run.steps[-1].step
    assert (tmp_path / "checkpoints" / f"step-{last}" / "trained.safetensors").is_file()
    assert run.error == []


def test_a_stopped_run_goes_on_with_the_very_same_steps(warm, tmp_path):
    options = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 40, "lora_dropout": 0.1}
    options |= {"eval_steps": 100, "save_steps": 100}
    whole = Run(warm, tmp_path / "whole", 2, chat_rows(72), **options).finish()
    first = Run(warm, tmp_path / "first", 2, chat_rows(72), **options)
    first.until(lambda: len(first.steps) > 2)
    first.child.terminate()
    assert first.end() == 128 + signal.SIGTERM
    stopped = first.steps[-1].step
    assert stopped < 40
    checkpoint = tmp_path / "first" / "checkpoints" / f"step-{stopped}"
    second = Run(warm, tmp_path / "second", 2, chat_rows(72), resume=checkpoint, **options).finish()

    found = [(step.step, step.loss, step.tokens) for step in [*first.steps, *second.steps]]
    assert found == [(step.step, step.loss, step.tokens) for step in whole.steps]
    adapters = [(run.folder / "adapter" / "adapter_model.safetensors").read_bytes() for run in (whole, second)]
    assert adapters[0] == adapters[1]


def test_without_its_supervisor_none_goes_on(warm, tmp_path):
    run = Run(warm, tmp_path, 2, **ENDLESS)
    run.until(lambda: len(run.steps) > 1)
    ranks = run.ranks
    run.child.stdin.close()
    assert run.end() == 128 + signal.SIGTERM
    assert not any(process.is_running() for process in ranks)


@pytest.mark.parametrize(
    ("batch", "accumulation", "processes", "expected"),
    [(4, 4, 1, (4, 4)), (4, 4, 2, (4, 2)), (4, 4, 8, (2, 1)), (6, 2, 4, (3, 1)), (8, 1, 8, (1, 1)), (3, 4, 6, (1, 2))],
)
def test_the_effective_batch_is_kept(batch, accumulation, processes, expected):
    config = SFTOptions(per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation)
    share = share_of_one(config, processes)
    assert (share.per_device_train_batch_size, share.gradient_accumulation_steps) == expected
    assert share.effective_batch_size * processes == config.effective_batch_size


def test_a_batch_that_cannot_be_shared_says_what_can(tmp_path):
    with pytest.raises(UserError, match="3 GPUs cannot share an effective batch of 8 rows evenly") as caught:
        share_of_one(SFTOptions(per_device_train_batch_size=8, gradient_accumulation_steps=1), 3)
    assert caught.value.field == "gpus"
    assert "1, 2, 4, 8" in caught.value.message


def test_weights_that_are_sharded_need_less_of_each_device():
    plain, quantized = SFTOptions(quantization="none"), SFTOptions(quantization="nf4")
    assert needed_on_each(40_000, 10_000, plain, 1) == 40_000
    assert needed_on_each(40_000, 10_000, plain, 4) == 20_000 + 5_000
    assert needed_on_each(40_000, 10_000, quantized, 4) == 40_000
    assert needed_on_each(None, 10_000, plain, 4) is None
