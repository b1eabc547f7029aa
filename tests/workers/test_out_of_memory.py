"""A run that runs out of memory goes on in smaller micro-batches and learns the same.

The memory that is missing is missing: in a pass with too many tokens the child asks the system for a petabyte, in the
middle of the model, on its way forward or backward.
"""

import pytest
import torch
from safetensors.torch import load_file

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from tests.workers import runs
from tests.workers.runs import EVALUATOR, TRAINER, make_run, marked_rows, preference_rows, start, wait

PETABYTE = 2**50
HIDDEN = 64
SET = {
    "quantization": "none", "fit_to_device": False, "held_out_share": 0.0, "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 2, "max_steps": 3,
}  # fmt: skip
PAIRS = {"rows": preference_rows(), "row_form": RowForm.PREFERENCE}
CASES = {
    "rows end to end": {},
    "padded rows": {"optim": "adafactor"},
    "packed rows": {"packing": True, "optim": "adafactor", "per_device_train_batch_size": 4, "max_length": 96},
    "checkpointing": {"gradient_checkpointing": True},
    "DPO": {"method": "dpo", **PAIRS},
    "reward": {"method": "reward", **PAIRS},
}
MOST_TOKENS = {"packed rows": 120, "DPO": 400, "reward": 400}


def child_with_little_memory(folder, most_tokens, way, module):
    """A child in which no layer holds more than `most_tokens`, `way` is forward or backward."""

    def take(*_given):
        torch.empty(PETABYTE, dtype=torch.uint8)

    def before_layer(layer, inputs):
        if type(layer).__name__ != "LlamaMLP" or inputs[0].numel() <= most_tokens * HIDDEN:
            return
        if way == "forward":
            take()
        elif inputs[0].requires_grad:
            inputs[0].register_hook(take)

    torch.nn.modules.module.register_module_forward_pre_hook(before_layer)
    runs._child(module, folder)


def start_with_little_memory(folder, most_tokens, way, module=TRAINER):
    process = runs._server.Process(target=child_with_little_memory, args=(folder, most_tokens, way, module))
    process.start()
    return process


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """The same run with enough memory, and with too little on the way forward and on the way back."""
    folder = tmp_path_factory.mktemp("memory")
    options = dict(CASES[request.param])
    rows = options.pop("rows", None)
    most = MOST_TOKENS.get(request.param, 200)
    started = {}
    for way in ("enough", "forward", "backward"):
        made = make_run(folder / way, rows, **(SET | options))
        process = start(TRAINER, made) if way == "enough" else start_with_little_memory(made, most, way)
        started[way] = (wait(process, made), made)
    return started


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_every_step_is_there_with_the_loss_that_it_would_have_had(case, way):
    enough, little = case["enough"][0], case[way][0]
    assert [step.step for step in little.steps] == [1, 2, 3]
    assert little.done["tokens"] == enough.done["tokens"]
    assert [step.loss for step in little.steps] == pytest.approx([step.loss for step in enough.steps], rel=1e-4)
    assert [step.grad_norm for step in little.steps] == pytest.approx(
        [step.grad_norm for step in enough.steps], rel=1e-2
    )


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_the_adapter_is_the_same(case, way):
    enough, little = (load_file(case[name][1] / "adapter" / "adapter_model.safetensors") for name in ("enough", way))
    for name, weight in enough.items():
        assert torch.allclose(little[name], weight, rtol=1e-2, atol=1e-3), name


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_the_log_and_the_facts_say_what_happened(case, way):
    enough, little = case["enough"][0], case[way][0]
    said = [text for text in little.texts if text.startswith("Out of memory at step 1")]
    assert said
    assert "the effective batch stays as it is" in said[0]
    assert little.done["out_of_memory_at"] == 1
    assert 1 <= little.done["micro_batch_rows"] < 8
    assert "out_of_memory_at" not in enough.done
    assert not any("Out of memory" in text for text in enough.texts)


def test_a_loss_that_compares_rows_says_that_it_changes_a_little(tmp_path):
    options = {"method": "kto", "row_form": RowForm.KTO}
    made = make_run(tmp_path / "run", marked_rows(), **(SET | options))
    ended = wait(start_with_little_memory(made, 300, "backward"), made)
    assert len(ended.steps) == 3
    assert any("compares the rows of a micro-batch with each other" in text for text in ended.texts)


def test_one_row_that_does_not_fit_ends_the_run_with_its_cause(tmp_path):
    made = make_run(tmp_path / "run", **SET)
    ended = wait(start_with_little_memory(made, 5, "forward"), made)
    cause, detail = ended.cause
    assert cause is Cause.OUT_OF_MEMORY
    assert detail.startswith("One row alone (")


def test_scoring_goes_on_with_fewer_rows_at_once(tmp_path):
    made = make_run(tmp_path / "run", **(SET | {"held_out_share": 0.2}))
    wait(start(TRAINER, made), made)
    enough = wait(start(EVALUATOR, made), made).scores
    little = wait(start_with_little_memory(made, 100, "forward", EVALUATOR), made).scores
    assert little.rows == enough.rows > 2
    for name in ("base", "tuned"):
        found, expected = (getattr(scores, name).model_dump(exclude_none=True) for scores in (little, enough))
        assert found == pytest.approx(expected, rel=1e-4)
