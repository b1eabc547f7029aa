"""A run that was stopped, or killed, and goes on from its checkpoint ends with the bytes of one that was left alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.events import CheckpointEvent, Event, parse_line
from tests.workers.runs import TRAINER, Ended, make_run, preference_rows, run, start, wait
from workers.spec import SPEC_NAME, RunSpec

# Dropout and shuffling draw random numbers, several epochs end between checkpoints, the last batch of an epoch is a
# short one, the rate follows a curve, and the held-out rows are looked at on the way.
OPTIONS = {
    "lora_dropout": 0.2,
    "lr_scheduler_type": "cosine",
    "per_device_train_batch_size": 3,
    "gradient_accumulation_steps": 2,
    "fit_to_device": False,
    "max_steps": 14,
    "eval_steps": 5,
    "save_steps": 3,
    "sample_generations": 1,
    "load_best_model_at_end": False,
}
KINDS = {
    "lean": {"quantization": "none"},
    "lean, nf4": {"quantization": "nf4"},
    "lean, nf4, fitted": {"quantization": "nf4", "fit_to_device": True, "load_best_model_at_end": True},
    "plain": {"quantization": "none", "modules_to_save": ["lm_head"]},
    "DPO": {"quantization": "none", "method": "dpo", "rows": preference_rows(), "row_form": RowForm.PREFERENCE},
}
LONGEST_SECONDS = 120
ROOT = Path(__file__).resolve().parents[2]


def seen(folder: Path) -> list[CheckpointEvent]:
    """The checkpoints that the child has told so far; a line that it is still writing is none yet."""
    lines = (folder / "out").read_text().splitlines() if (folder / "out").exists() else []
    return [event for event in map(parse_line, lines) if isinstance(event, CheckpointEvent)]


def is_looking(folder: Path, step: int) -> bool:
    """Whether the last line is that of a look after `step`."""
    last = parse_line((folder / "out").read_text().rstrip("\n").rpartition("\n")[2])
    return last.type == "phase" and last.phase == "evaluating" and last.done > step


def stop_after(folder: Path, step: int, how: signal.Signals, *, in_a_look: bool = False) -> Ended:
    """Start the run in `folder` and send it the signal once its checkpoint at `step` is whole.

    With `in_a_look`: once it looks at the held-out rows after that.
    """
    process = start(TRAINER, folder)
    end = time.monotonic() + LONGEST_SECONDS
    while not any(event.step >= step for event in seen(folder)) or (in_a_look and not is_looking(folder, step)):
        assert process.exitcode is None, (folder / "err").read_text()
        assert time.monotonic() < end
        time.sleep(0.002)
    os.kill(process.pid or 0, how)
    return wait(process, folder)


def go_on(folder: Path, from_folder: Path, checkpoint: CheckpointEvent, **options: object) -> Ended:
    """Another attempt, in a run folder of its own with nothing but the checkpoint of the one before."""
    make_run(folder, **options)
    shutil.copytree(from_folder / checkpoint.folder, folder / "resume")
    spec = RunSpec.model_validate_json((folder / SPEC_NAME).read_text())
    (folder / SPEC_NAME).write_text(spec.model_copy(update={"resume_folder": Path("resume")}).model_dump_json())
    return run(TRAINER, folder)


def adapter_bytes(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def curve(*attempts: Ended) -> list[tuple[object, ...]]:
    """What the attempts measured, each step as the last attempt that has it tells it."""
    points = {}
    for ended in attempts:
        points |= {
            step.step: (step.step, step.epoch, step.loss, step.learning_rate, step.tokens) for step in ended.steps
        }
    return [points[step] for step in sorted(points)]


@pytest.fixture(scope="module", params=KINDS)
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, object], Path, Ended]:
    """The options of a kind of run, and one that was left alone."""
    options = OPTIONS | KINDS[request.param]
    folder = make_run(tmp_path_factory.mktemp("whole") / "run", **options)
    ended = run(TRAINER, folder)
    assert ended.done["steps"] == 14
    return options, folder, ended


@pytest.mark.parametrize(
    ("how", "in_a_look"), [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGKILL, False)]
)
def test_the_adapter_is_the_same_to_the_last_bit(whole, how, in_a_look, tmp_path):
    options, folder, ended = whole
    first = make_run(tmp_path / "first", **options)
    stopped = stop_after(first, 6, how, in_a_look=in_a_look)
    assert stopped.code == (143 if how == signal.SIGTERM else -9), stopped.stderr
    newest = seen(first)[-1]
    if how == signal.SIGTERM:
        assert newest.step == stopped.steps[-1].step  # nothing that was trained is trained again
    second = go_on(tmp_path / "second", first, newest, **options)
    assert second.done["steps"] == 14
    assert second.steps[0].step == newest.step + 1
    assert second.stderr == ended.stderr
    assert adapter_bytes(tmp_path / "second") == adapter_bytes(folder)
    assert curve(stopped, second) == curve(ended)
    looks = {
        event.step: (event.loss, event.best)
        for one in (stopped, second)
        for event in one.events
        if event.type == "held_out"
    }
    assert looks == {event.step: (event.loss, event.best) for event in ended.events if event.type == "held_out"}
    for fact in ("steps", "tokens", "final_loss", "train_loss", "best_step", "best_loss"):
        assert second.done[fact] == pytest.approx(ended.done[fact]), fact
    assert second.steps[0].seconds > stopped.steps[newest.step - 1].seconds


SHORT = OPTIONS | {"quantization": "none", "max_steps": 6, "eval_steps": 2, "save_steps": 2}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A short run that came to its end."""
    folder = make_run(tmp_path_factory.mktemp("done") / "run", **SHORT)
    return folder, run(TRAINER, folder)


def test_checkpoints_are_written_every_so_many_steps_and_at_the_end(done):
    folder, ended = done
    assert [event.step for event in ended.events if isinstance(event, CheckpointEvent)] == [2, 4, 6]
    assert not list((folder / "checkpoints").glob("*.partial"))


def test_without_an_interval_each_evaluation_has_its_checkpoint_and_the_best_is_marked(tmp_path):
    ended = run(TRAINER, make_run(tmp_path, **SHORT | {"save_steps": None, "eval_steps": 4}))
    looks = {event.step: event for event in ended.events if event.type == "held_out"}
    kept = [event for event in ended.events if isinstance(event, CheckpointEvent)]
    assert [event.step for event in kept] == [4, 6]
    assert [event.best for event in kept] == [looks[event.step].best for event in kept]
    assert [event.loss for event in kept if event.best] == [looks[event.step].loss for event in kept if event.best]
    assert any(event.best for event in kept)


def test_from_the_last_checkpoint_nothing_is_trained_and_the_adapter_is_the_same(done, tmp_path):
    folder, ended = done
    last = [event for event in ended.events if isinstance(event, CheckpointEvent)][-1]
    again = go_on(tmp_path / "again", folder, last, **SHORT)
    assert again.steps == []
    assert again.done["final_loss"] == ended.done["final_loss"]
    assert adapter_bytes(tmp_path / "again") == adapter_bytes(folder)


def test_more_steps_and_another_rate_are_followed_from_the_next_step_on(done, tmp_path):
    folder, ended = done
    middle = [event for event in ended.events if isinstance(event, CheckpointEvent)][1]
    changed = SHORT | {"max_steps": 8, "learning_rate": 1e-3}
    again = go_on(tmp_path / "again", folder, middle, **changed)
    whole = run(TRAINER, make_run(tmp_path / "whole", **changed))
    assert [step.step for step in again.steps] == [5, 6, 7, 8]
    rates = [step.learning_rate for step in again.steps]
    assert rates == pytest.approx([step.learning_rate for step in whole.steps[4:]])
    assert rates[0] != pytest.approx(ended.steps[4].learning_rate)


def test_a_look_that_a_stop_cut_short_is_made_up_for(done, tmp_path):
    folder, ended = done
    middle = [event for event in ended.events if isinstance(event, CheckpointEvent)][1]
    state = json.loads((folder / middle.folder / "run.json").read_text())
    assert state["looked_at"] == 4
    again_folder = tmp_path / "before"
    shutil.copytree(folder / middle.folder, again_folder / middle.folder)
    (again_folder / middle.folder / "run.json").write_text(json.dumps(state | {"looked_at": 2}))
    again = go_on(tmp_path / "again", again_folder, middle, **SHORT)
    looks = {event.step: event.loss for event in again.events if event.type == "held_out"}
    assert looks == {event.step: event.loss for event in ended.events if event.type == "held_out" and event.step >= 4}
    assert adapter_bytes(tmp_path / "again") == adapter_bytes(folder)


def test_a_run_that_ended_early_is_not_trained_on(tmp_path):
    # No rate makes the held-out loss fall by so much, so patience ends with the second look.
    early = SHORT | {"early_stopping_patience": 1, "early_stopping_threshold": 50.0, "save_steps": None}
    ended = run(TRAINER, make_run(tmp_path / "first", **early))
    assert ended.done["steps"] < 6
    last = [event for event in ended.events if isinstance(event, CheckpointEvent)][-1]
    assert last.step == ended.done["steps"]
    again = go_on(tmp_path / "again", tmp_path / "first", last, **early)
    assert (again.steps, again.done["steps"], again.done["stopped_early_at"]) == ([], last.step, last.step)
    assert adapter_bytes(tmp_path / "again") == adapter_bytes(tmp_path / "first")


def test_a_run_on_two_processes_goes_on_alike(tmp_path):
    """Both write their random numbers, both stop at the same step."""
    options = SHORT | {"per_device_train_batch_size": 4, "lora_dropout": 0.2}
    whole = in_two_processes(make_run(tmp_path / "whole", **options))
    assert whole[-1].type == "done"
    first = make_run(tmp_path / "first", **options)
    stopped = in_two_processes(first, stop_after_step=2)
    newest = [event for event in stopped if isinstance(event, CheckpointEvent)][-1]
    assert newest.step == [event.step for event in stopped if event.type == "step"][-1] < 6
    second = make_run(tmp_path / "second", **options)
    shutil.copytree(first / newest.folder, second / "resume")
    assert in_two_processes(second, resume_folder=Path("resume"))[-1].type == "done"
    assert adapter_bytes(second) == adapter_bytes(tmp_path / "whole")


def in_two_processes(folder: Path, *, stop_after_step: int | None = None, **changes: object) -> list[Event]:
    """The events of the run when it has ended, by itself or stopped once the checkpoint at the step is whole."""
    spec = RunSpec.model_validate_json((folder / SPEC_NAME).read_text())
    (folder / SPEC_NAME).write_text(spec.model_copy(update={"processes": 2, **changes}).model_dump_json())
    command = [sys.executable, "-m", "workers.trainer", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    events = []
    with (
        (folder / "err").open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=ROOT) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            events.append(parse_line(line.decode()))
            if isinstance(events[-1], CheckpointEvent) and events[-1].step == stop_after_step:
                process.terminate()
        code = process.wait(LONGEST_SECONDS)
    assert code == (0 if stop_after_step is None else 143), (folder / "err").read_text()
    return events
