"""A run that cannot end well ends with the cause that people are shown, and one that is told to stop stops."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from tests.tiny import make_tiny_base, tiny_base, tiny_tensors
from tests.workers.runs import TRAINER, chat_rows, make_run, run, start, train, wait

ROOT = Path(__file__).parents[2]


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline, f"{text} does not come"
        time.sleep(0.05)


def test_a_target_module_that_the_base_does_not_have(tmp_path: Path) -> None:
    cause, detail = train(tmp_path, target_modules=["q_proj", "query"]).cause
    assert cause is Cause.BAD_TARGET_MODULES
    assert "“query”" in detail
    assert "q_proj, v_proj" in detail


def test_a_length_that_cuts_off_every_answer(tmp_path: Path) -> None:
    cause, detail = train(tmp_path, max_length=16).cause
    assert cause is Cause.NOTHING_TO_TRAIN
    assert "16 tokens" in detail
    assert not (tmp_path / "adapter").exists()


def test_a_length_that_cuts_off_every_answer_with_packing(tmp_path: Path) -> None:
    assert train(tmp_path, max_length=16, packing=True).cause[0] is Cause.NOTHING_TO_TRAIN


def test_a_dataset_of_held_out_rows_only(tmp_path: Path) -> None:
    rows = [row | {"split": "held_out"} for row in chat_rows()]
    assert train(tmp_path, rows).cause[0] is Cause.NOTHING_TO_TRAIN


def test_a_loss_that_overflows(tmp_path: Path) -> None:
    tensors = tiny_tensors()
    dtype, shape, content = tensors["model.norm.weight"]
    tensors["model.norm.weight"] = (dtype, shape, b"\x7f\x7f" * (len(content) // 2))  # the largest bfloat16
    base = tmp_path / "huge"
    make_tiny_base(base, tensors=tensors)
    ended = train(tmp_path / "run", base=base)
    cause, detail = ended.cause
    assert cause is Cause.LOSS_NOT_FINITE
    assert detail.startswith("At step 1 the loss was ")
    assert [step.loss for step in ended.steps] == [None]


def test_a_gradient_of_exactly_zero(tmp_path: Path) -> None:
    # With all weights of the layers zero, nothing that an adapter adds reaches the output.
    tensors = {
        name: (dtype, shape, bytes(len(content)) if ".layers." in name else content)
        for name, (dtype, shape, content) in tiny_tensors().items()
    }
    base = tmp_path / "zero"
    make_tiny_base(base, tensors=tensors)
    ended = train(tmp_path / "run", base=base, target_modules=["q_proj"])
    cause, detail = ended.cause
    assert cause is Cause.ZERO_GRADIENT
    assert "in 3 steps up to step 3" in detail
    assert len(ended.steps) == 3


def test_a_base_that_is_not_the_registered_one(tmp_path: Path) -> None:
    other = tmp_path / "other"
    make_tiny_base(other, seed=1)
    registered = make_run(tmp_path / "run", digests={"weights_root": "0" * 64, "chat_template_digest": "1" * 64})
    cause, detail = run(TRAINER, registered).cause
    assert cause is Cause.BASE_CHANGED
    assert "its weights and its chat template differ" in detail


def test_a_base_file_that_is_torn(tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_base(), tmp_path / "base"))
    folder = make_run(tmp_path / "run", base=base)
    os.truncate(base / "model.safetensors", 100_000)
    cause, detail = run(TRAINER, folder).cause
    assert cause is Cause.BASE_CHANGED
    assert "model.safetensors is damaged" in detail


def test_a_base_without_chat_template(tmp_path: Path) -> None:
    base = tmp_path / "plain"
    make_tiny_base(base, template=None)
    assert train(tmp_path / "chat", base=base).cause[0] is Cause.TEMPLATE_MISSING
    rows = [{"text": "The sky is blue."}] * 8
    assert train(tmp_path / "text", rows, base=base, row_form=RowForm.TEXT, max_steps=1).done["steps"] == 1


def test_a_template_that_refuses_a_row(tmp_path: Path) -> None:
    base = tmp_path / "strict"
    make_tiny_base(base, template="{{ raise_exception('No system messages, please.') }}")
    cause, detail = train(tmp_path / "run", base=base).cause
    assert cause is Cause.BAD_ROWS
    assert "No system messages, please." in detail


def test_a_run_folder_without_rows(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    (folder / "rows.jsonl").unlink()
    assert run(TRAINER, folder).cause == (Cause.FILES_MISSING, "The run folder has no rows.jsonl.")


def test_a_run_folder_that_does_not_exist_is_an_event_too(tmp_path: Path) -> None:
    program = subprocess.run(
        [sys.executable, "-m", "workers.trainer", str(tmp_path / "none")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert program.returncode == 1
    assert '"files_missing"' in program.stdout


def test_sigterm_stops_quietly_with_143(tmp_path: Path) -> None:
    folder = make_run(tmp_path, max_steps=100_000)
    process = start(TRAINER, folder)
    wait_for(folder / "out", '"step":3')
    process.terminate()
    ended = wait(process, folder)
    assert ended.code == 128 + signal.SIGTERM
    assert [event.type for event in ended.events[-2:]] == ["step", "checkpoint"]
    assert ended.stderr == ""
    assert {path.name for path in folder.iterdir()} == {"checkpoints", "err", "out", "rows.jsonl", "spec.json"}


def test_a_supervised_run_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    folder = make_run(tmp_path, max_steps=100_000)
    with (folder / "out").open("w") as out:
        program = subprocess.Popen(
            [sys.executable, "-m", "workers.trainer", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=out,
            env=os.environ | {"GRAFT_SUPERVISED": "1", "OMP_NUM_THREADS": "1"},
        )
    assert program.stdin is not None
    wait_for(folder / "out", '"step":1')
    program.stdin.close()
    assert program.wait(timeout=10) == 143
