"""A fifth method is one new file and no change elsewhere: options, form, REST, rows, trainer and looks follow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finetune_app.jobs.events import parse_line
from tests.workers.runs import OPTIONS, Ended, chat_rows, make_run
from workers.start_program import ROOT

SECONDS = 120


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.workers.with_extra_method", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    folder = make_run(tmp_path_factory.mktemp("extra"), chat_rows(), quantization="none")
    spec = json.loads((folder / "spec.json").read_text())
    spec["config"] = OPTIONS | {"method": "dft", "neftune_noise_alpha": 5.0, "quantization": "none", "eval_steps": 6}
    (folder / "spec.json").write_text(json.dumps(spec))
    ended = program("train", str(folder))
    return Ended(ended.returncode, [parse_line(line) for line in ended.stdout.splitlines()], ended.stderr), folder


def test_form_and_rest_offer_it() -> None:
    ended = program("web")
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert {"neftune_noise_alpha", "r", "learning_rate"} <= set(found["options"])
    assert (found["form"]["method"], found["form"]["neftune_noise_alpha"]) == ("dft", 5.0)
    assert found["schema"]


def test_it_trains_is_looked_at_and_saved_like_any_other(trained: tuple[Ended, Path]) -> None:
    ended, folder = trained
    assert ended.done["steps"] == 12
    assert ended.plan["path"] == "trl"
    assert ended.steps[-1].tokens > ended.steps[0].tokens > 0
    assert ended.steps[-1].loss != ended.steps[0].loss
    assert [event.step for event in ended.events if event.type == "held_out"] == [6, 12]
    assert (folder / "adapter" / "adapter_model.safetensors").is_file()
