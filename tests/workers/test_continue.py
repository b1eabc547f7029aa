"""A run that continues from an adapter version starts where that version stood, and refuses one that does not fit."""

import json
import math
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from tests.workers.runs import TRAINER, make_run, marked_rows, preference_rows, run
from workers.spec import ADAPTER_FOLDER, SPEC_NAME

STEPS = {"max_steps": 6, "load_best_model_at_end": False, "eval_steps": 6, "fit_to_device": False}
WEIGHTS = "adapter_model.safetensors"


def continued(folder: Path, ancestor: Path, rows=None, **options):
    """A run of one step that begins with the adapter in the folder `ancestor`; too small a step to change a weight."""
    make_run(folder, rows, **(STEPS | {"max_steps": 1, "eval_steps": 1, "learning_rate": 1e-12} | options))
    spec = json.loads((folder / SPEC_NAME).read_text())
    (folder / SPEC_NAME).write_text(json.dumps(spec | {"continue_folder": str(ancestor)}))
    return run(TRAINER, folder)


def looks(ended):
    return [event for event in ended.events if event.type == "held_out"]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of six strong steps; its folder and how it ended."""
    folder = tmp_path_factory.mktemp("first")
    ended = run(TRAINER, make_run(folder, **STEPS, quantization="none"))
    assert ended.done["steps"] == 6
    return folder / ADAPTER_FOLDER, ended


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_it_starts_with_what_the_version_knows(tmp_path, quantization):
    before = run(TRAINER, make_run(tmp_path / "first", **STEPS, quantization=quantization))
    ended = continued(tmp_path / "second", tmp_path / "first" / ADAPTER_FOLDER, quantization=quantization)
    assert ended.done["steps"] == 1
    start, final = looks(ended)[-1], looks(before)[-1]
    assert start.loss == pytest.approx(final.loss, rel=1e-6)
    assert start.token_accuracy == final.token_accuracy
    assert start.answers == final.answers
    assert any("starts with the weights of an earlier version" in text for text in ended.texts)


def test_its_first_step_measures_the_version_and_not_a_fresh_adapter(first, tmp_path):
    folder, before = first
    fresh = before.steps[0].loss
    loss = continued(tmp_path, folder, quantization="none").steps[0].loss
    assert loss < fresh - 0.5


def test_it_trains_the_version_on(first, tmp_path):
    folder, _ = first
    continued(tmp_path, folder, quantization="none", learning_rate=0.01).done  # noqa: B018 - asserts that it ended well
    old, new = load_file(folder / WEIGHTS), load_file(tmp_path / ADAPTER_FOLDER / WEIGHTS)
    assert old.keys() == new.keys()
    assert all((old[name] != new[name]).any() for name in old)
    assert max(float((old[name] - new[name]).abs().max()) for name in old) < 0.05  # one step away, not anew


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_a_method_with_a_reference_compares_with_the_version(first, tmp_path, method):
    rows = {"dpo": preference_rows, "kto": marked_rows}[method]()
    form = {"dpo": RowForm.PREFERENCE, "kto": RowForm.KTO}[method]
    ended = continued(tmp_path, first[0], rows, row_form=form, method=method, quantization="none")
    # Where model and reference are the same, nothing is preferred: the loss is that of a coin.
    expected = {"dpo": math.log(2), "kto": 0.5}[method]
    assert ended.steps[0].loss == pytest.approx(expected, abs=1e-6)
    saved = {path.name for path in (tmp_path / ADAPTER_FOLDER).iterdir()}
    assert "ref" not in saved
    assert load_file(tmp_path / ADAPTER_FOLDER / WEIGHTS).keys() == load_file(first[0] / WEIGHTS).keys()


def test_a_reward_model_takes_its_head_along(tmp_path):
    options = {"row_form": RowForm.PREFERENCE, "method": "reward", "quantization": "none"}
    before = run(TRAINER, make_run(tmp_path / "first", preference_rows(), **(STEPS | options)))
    ended = continued(tmp_path / "second", tmp_path / "first" / ADAPTER_FOLDER, preference_rows(), **options)
    assert looks(ended)[-1].loss == pytest.approx(looks(before)[-1].loss, rel=1e-5)


def test_dora_takes_its_magnitudes_along(tmp_path):
    before = run(TRAINER, make_run(tmp_path / "first", **STEPS, quantization="none", use_dora=True))
    ended = continued(tmp_path / "second", tmp_path / "first" / ADAPTER_FOLDER, quantization="none", use_dora=True)
    assert looks(ended)[-1].loss == pytest.approx(looks(before)[-1].loss, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"r": 4}, "not (4, "), ({"target_modules": ["q_proj"]}, "no place for"), ({"use_dora": True}, "it has no")],
)
def test_a_version_of_another_shape_is_refused_with_what_differs(first, tmp_path, change, says):
    cause, detail = continued(tmp_path, first[0], quantization="none", **change).cause
    assert cause is Cause.ADAPTER_DIFFERS
    assert says.lower() in detail.lower()


def test_a_version_with_a_tensor_missing_is_refused(first, tmp_path):
    tensors = load_file(first[0] / WEIGHTS)
    gone = next(iter(tensors))
    del tensors[gone]
    (tmp_path / "ancestor").mkdir()
    save_file(tensors, tmp_path / "ancestor" / WEIGHTS)
    cause, detail = continued(tmp_path / "run", tmp_path / "ancestor", quantization="none").cause
    assert cause is Cause.ADAPTER_DIFFERS
    assert gone.lower() in detail.lower()
