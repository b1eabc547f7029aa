"""A run that is fitted to its device learns the same as one that is not."""

import sys

import pytest
from datasets import Dataset

from finetune_app.jobs.methods.sft import SFTOptions
from tests.workers.runs import TRAINER, make_run, start, wait
from workers.trainer.fitting import container_free_bytes, row_lengths

BATCH = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4, "max_steps": 2}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run as it is set and fitted, both at once."""
    folder = tmp_path_factory.mktemp("fitting")
    started = {}
    for name, options in {"as set": {"fit_to_device": False}, "fitted": {"fit_to_device": True}}.items():
        made = make_run(folder / name, quantization="none", lora_dropout=0.0, **BATCH, **options)
        started[name] = (start(TRAINER, made), made)
    return {name: wait(*run) for name, run in started.items()}


def test_the_effective_batch_stays_whatever_is_chosen(runs):
    plan = runs["fitted"].plan
    split = plan["per_device_train_batch_size"], plan["gradient_accumulation_steps"]
    assert split[0] * split[1] == plan["effective_batch_size"] == 8
    assert split != (2, 4)


def test_the_loss_is_the_same(runs):
    losses = [[step.loss for step in runs[name].steps] for name in ("as set", "fitted")]
    assert len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_a_run_that_is_not_fitted_is_as_it_was_set(runs):
    plan = runs["as set"].plan
    chosen = (plan["per_device_train_batch_size"], plan["gradient_accumulation_steps"], plan["gradient_checkpointing"])
    assert chosen == (2, 4, False)


def test_the_log_says_what_was_chosen_and_why(runs):
    said = [text for text in runs["fitted"].texts if text.startswith("Fitted to the device")]
    assert len(said) == 1
    assert "instead of 2 × 4" in said[0]
    assert not any(text.startswith("Fitted") for text in runs["as set"].texts)


def test_prediction_and_measured_peak_stand_side_by_side(runs):
    for ended in runs.values():
        ratio = ended.done["peak_memory_bytes"] / ended.plan["predicted_memory_bytes"]
        assert 0.5 < ratio < 2  # the imports of all tests are in the forked process
        assert ended.plan["memory_factor"] == 1.0
        assert ended.plan["predicted_tokens_per_second"] > 0


@pytest.mark.parametrize(("limit", "free"), [("1000", 700), ("300", 0), ("max", sys.maxsize)])
def test_a_container_has_less_than_its_machine(tmp_path, limit, free):
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("500\n")
    (tmp_path / "memory.stat").write_text("anon 300\ninactive_file 150\nactive_file 50\n")
    assert container_free_bytes(tmp_path) == free
    assert container_free_bytes(tmp_path / "nowhere") == sys.maxsize


def test_the_lengths_of_tokenized_rows_are_read_from_their_columns():
    config = SFTOptions(max_length=16)
    labelled = Dataset.from_dict({"input_ids": [[1] * 9, [1] * 30], "labels": [[-100] * 4 + [1] * 5, [1] * 30]})
    rows = row_lengths(labelled, config)
    assert (rows.tokens.tolist(), rows.unlearned.tolist()) == ([9, 16], [4, 0])
    pairs = Dataset.from_dict({"prompt_ids": [[1] * 3], "chosen_ids": [[1] * 2], "rejected_ids": [[1] * 5]})
    rows = row_lengths(pairs, config)
    assert (rows.tokens.tolist(), rows.unlearned.tolist()) == ([8], [3])
    packs = Dataset.from_dict({"input_ids": [[1] * 8], "labels": [[1] * 8], "seq_lengths": [[2, 6]]})
    assert row_lengths(packs, config).pieces == 5.0
