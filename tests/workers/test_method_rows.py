"""Rows of preferences and marked answers become the very batches that trl would make of them, and none is lost."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from tests.tiny import tiny_base
from tests.workers.runs import make_run, marked_rows, preference_rows, train
from workers.child import ChildFailure
from workers.encoding import load_tokenizer
from workers.spec import RunSpec
from workers.trainer.marked import MarkedTrainer
from workers.trainer.preference import PreferenceTrainer
from workers.trainer.reward import ScoreTrainer
from workers.trainer.rows import tokenize_rows

TRAINERS = {
    "dpo": (DPOTrainer, PreferenceTrainer, DPOConfig, RowForm.PREFERENCE),
    "kto": (KTOTrainer, MarkedTrainer, KTOConfig, RowForm.KTO),
    "reward": (RewardTrainer, ScoreTrainer, RewardConfig, RowForm.PREFERENCE),
}
WORD = "Grafting joins a cutting to a rooted stock. "


def rows_for(method: str, *, long: int = 3) -> list[dict[str, Any]]:
    """Rows of different lengths; a few answers are longer than 96 tokens, no prompt is."""
    rows = marked_rows(12) if method == "kto" else preference_rows(12)
    for index, row in enumerate(rows):
        for name in {"completion", "chosen", "rejected"} & row.keys():
            row[name][0]["content"] += " " + WORD * (5 if index < long and name != "chosen" else index % 2)
        del row["split"]
    return rows


def trainer_of(kind: Any, method: str, dataset: Dataset, folder: Path, max_length: int) -> Any:
    config = TRAINERS[method][2]
    base = tiny_base()
    model = (
        AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
        if method == "reward"
        else AutoModelForCausalLM.from_pretrained(base)
    )
    return kind(
        model=model,
        args=config(
            output_dir=str(folder / "trl"), report_to="none", use_cpu=True, bf16=False, activation_checkpointing=False, max_length=max_length,
            per_device_train_batch_size=4, dataloader_pin_memory=False,
        ),
        train_dataset=dataset,
        processing_class=load_tokenizer(base, RowForm.CHAT),
    )  # fmt: skip


def batches(trainer: Any) -> list[dict[str, torch.Tensor]]:
    torch.manual_seed(3)
    return list(trainer.get_train_dataloader())


@pytest.mark.parametrize("max_length", [1024, 96])
@pytest.mark.parametrize("method", TRAINERS)
def test_the_batches_are_those_that_trl_makes(tmp_path: Path, method: str, max_length: int) -> None:
    trl, own, _, form = TRAINERS[method]
    rows = rows_for(method)
    spec = RunSpec.load(
        make_run(tmp_path, rows, method=method, row_form=form, max_length=max_length, held_out_share=0.0)
    )
    ours = tokenize_rows(spec, load_tokenizer(tiny_base(), form), tmp_path).dataset
    found = batches(trainer_of(own, method, ours, tmp_path, max_length))
    expected = batches(trainer_of(trl, method, Dataset.from_list(rows), tmp_path, max_length))
    assert len(found) == len(expected) == 3
    for batch, theirs in zip(found, expected, strict=True):
        assert batch.keys() == theirs.keys()
        for name, tensor in theirs.items():
            assert torch.equal(batch[name], tensor), name


def test_pairs_for_a_score_that_are_too_long_are_left_out_and_counted(tmp_path: Path) -> None:
    options = {"method": "reward", "row_form": RowForm.PREFERENCE, "held_out_share": 0.0, "quantization": "none"}
    ended = train(tmp_path, rows_for("reward"), max_length=96, max_steps=1, **options)
    assert ended.plan["sequences"] == 9
    left_out = [event for event in ended.events if event.type == "log" and "left out" in event.text]
    assert [(event.level, event.text) for event in left_out] == [
        (
            "warning",
            "3 of 12 rows are left out: one of their answers does not end within the max length of 96 tokens.",
        )
    ]


@pytest.mark.parametrize(("method", "cause"), [("dpo", Cause.ANSWERS_CUT), ("kto", Cause.ANSWERS_CUT)])
def test_a_row_whose_prompt_fills_the_max_length_is_refused_and_not_dropped(
    tmp_path: Path, method: str, cause: Cause
) -> None:
    rows = rows_for(method)
    rows[4]["prompt"][0]["content"] = WORD * 9
    form = TRAINERS[method][3]
    spec = RunSpec.load(make_run(tmp_path, rows, method=method, row_form=form, max_length=96, held_out_share=0.0))
    with pytest.raises(ChildFailure, match=r"1 row has no token to learn from .*: row 5\.") as caught:
        tokenize_rows(spec, load_tokenizer(tiny_base(), form), tmp_path)
    assert caught.value.cause is cause


@pytest.mark.parametrize("method", TRAINERS)
def test_when_nothing_is_left_the_run_says_so(tmp_path: Path, method: str) -> None:
    form = TRAINERS[method][3]
    spec = RunSpec.load(
        make_run(tmp_path, rows_for(method), method=method, row_form=form, max_length=16, held_out_share=0.0)
    )
    with pytest.raises(ChildFailure, match="12 rows have no token to learn from") as caught:
        tokenize_rows(spec, load_tokenizer(tiny_base(), form), tmp_path)
    assert caught.value.cause is Cause.NOTHING_TO_TRAIN


def test_a_preference_without_a_prompt_is_one(tmp_path: Path) -> None:
    rows = [{"chosen": f"Good {i}.", "rejected": f"Bad {i}, bad."} for i in range(4)]
    spec = RunSpec.load(make_run(tmp_path, rows, method="dpo", row_form=RowForm.PREFERENCE, held_out_share=0.0))
    tokenizer = load_tokenizer(tiny_base(), RowForm.PREFERENCE)
    first = tokenize_rows(spec, tokenizer, tmp_path).dataset[0]
    assert tokenizer.decode(first["prompt_ids"]) == "<|im_start|>assistant\n"
    assert tokenizer.decode(first["chosen_ids"]) == "Good 0.<|im_end|>\n"
    assert tokenizer.decode(first["rejected_ids"]) == "Bad 0, bad.<|im_end|>\n"
