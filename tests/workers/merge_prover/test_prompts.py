"""Which prompts prove a merge: rows that the training did not see before those that it saw, then general ones."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.merges.options import MIN_PROMPTS
from tests.tiny import tiny_base
from tests.workers.merge_prover.folders import lay_out
from tests.workers.runs import OPTIONS, chat_rows
from workers.merge_prover.general_prompts import GENERAL_PROMPTS
from workers.merge_prover.prompts import CONTEXT_TOKENS, Prompt, prompts_of
from workers.merge_spec import MergeSpec
from workers.rows import scored_rows, trained_rows
from workers.spec import RunSpec

POSITIONS = 4


def chosen(folder: Path, rows: list[dict[str, Any]], **order: Any) -> list[Prompt]:
    spec = MergeSpec.load(lay_out(folder, rows=rows, **order))
    return prompts_of(spec, AutoTokenizer.from_pretrained(tiny_base()), POSITIONS)


def sources(prompts: list[Prompt]) -> list[str]:
    return [prompt.source for prompt in prompts]


def without_splits(count: int) -> list[dict[str, Any]]:
    return [{"messages": row["messages"]} for row in chat_rows(count)]


def test_held_out_rows_come_first_then_others_then_general_prompts(tmp_path: Path) -> None:
    prompts = chosen(tmp_path, chat_rows(24))
    assert sources(prompts) == ["held_out"] * 4 + ["rows"] * 20 + ["general"] * 40


def test_the_rows_that_the_training_held_out_count_as_held_out(tmp_path: Path) -> None:
    config = OPTIONS | {"held_out_share": 0.3, "seed": 7}
    prompts = chosen(tmp_path, without_splits(24), config=config)
    spec = MergeSpec.load(tmp_path)
    run = RunSpec(
        job="1", adapter_name="a", base_name="b", base_folder=spec.base_folder, base_digests=spec.base_digests,
        rows_file=tmp_path / "rows.jsonl", file_format=FileFormat.JSONL, row_form=RowForm.CHAT, config=config,
    )  # fmt: skip
    expected = [row.prompt[-1].content for row in scored_rows(run)]
    assert 2 < len(expected) < 15
    assert [prompt.text for prompt in prompts if prompt.source == "held_out"] == expected
    assert sum(prompt.source == "rows" for prompt in prompts) == len(list(trained_rows(run)))


def test_where_nobody_knows_how_it_was_trained_no_row_counts_as_held_out(tmp_path: Path) -> None:
    assert "held_out" not in sources(chosen(tmp_path / "no", without_splits(24)))
    assert "held_out" not in sources(chosen(tmp_path / "odd", without_splits(24), config={"learning_rate": "fast"}))


def test_without_rows_general_prompts_of_many_kinds_are_enough(tmp_path: Path) -> None:
    assert len(set(GENERAL_PROMPTS)) >= MIN_PROMPTS
    prompts = chosen(tmp_path, [], prompts=200)
    assert sources(prompts) == ["general"] * 200
    assert len({tuple(prompt.ids) for prompt in prompts}) == 200


def test_of_a_row_the_answer_is_compared_and_of_other_text_its_end(tmp_path: Path) -> None:
    row, *_, general = chosen(tmp_path, chat_rows(24))
    tokenizer = AutoTokenizer.from_pretrained(tiny_base())
    assert tokenizer.decode(row.ids[: row.first]).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(row.ids[row.first :]) in "green<|im_end|>\n"
    assert row.positions == general.positions == POSITIONS
    assert general.first >= CONTEXT_TOKENS
    assert (row.has_answer, general.has_answer) == (True, False)


def test_plain_text_is_compared_at_its_end(tmp_path: Path) -> None:
    rows = [{"text": f"The {number} sky is blue and the grass is green."} for number in range(3)]
    prompts = chosen(tmp_path, rows, row_form=RowForm.TEXT)
    assert sources(prompts)[:4] == ["rows"] * 3 + ["general"]
    assert {prompt.positions for prompt in prompts[:3]} == {POSITIONS}


def test_an_answer_that_is_marked_as_bad_proves_nothing(tmp_path: Path) -> None:
    rows = [{"prompt": "What?", "completion": f"That {number}.", "label": number == 0} for number in range(3)]
    assert sources(chosen(tmp_path, rows, row_form=RowForm.KTO)).count("rows") == 1


@pytest.mark.parametrize("prompts", [64, 100])
def test_there_are_as_many_as_asked_for(tmp_path: Path, prompts: int) -> None:
    assert len(chosen(tmp_path, chat_rows(150), prompts=prompts)) == prompts
