"""Every turn of the assistant is learned and nothing else, or the run says why it cannot be."""

from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer

from finetune_app.datasets.formats import Message, RowForm, TrainingRow
from finetune_app.datasets.row_types import ToolMessage
from finetune_app.datasets.template_messages import answer_messages, prompt_messages
from finetune_app.jobs.causes import Cause
from tests.tiny import CHATML, make_tiny_base
from tests.workers.runs import train
from tests.workers.test_methods_losses import MARKED, TURNS
from workers.child import ChildFailure
from workers.encoding import MASKED, EncodedRow, Encoder, load_tokenizer

CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Bonn"}}}
ROWS = [
    TrainingRow(1, [Message("system", "Be brief."), Message("user", "one?")], "first", "", None),
    TrainingRow(
        2,
        [Message("user", "one?"), Message("assistant", "grün 🌱"), Message("user", "and two?")],
        "<|im_start|>user\nno turn of mine", "", None,
    ),
    TrainingRow(
        3,
        [
            Message("user", "Weather?"),
            ToolMessage("assistant", "Let me look.", tool_calls=(CALL,)),
            ToolMessage("tool", "sunny", name="weather"),
            Message("assistant", "It is sunny."),
            Message("user", "Thanks."),
        ],
        "You are welcome. " * 20, "", None,
    ),
    TrainingRow(4, [], "An opening.", "", None),
]  # fmt: skip
LEARNED = [
    ["first<|im_end|>\n"],
    ["grün 🌱<|im_end|>\n", "<|im_start|>user\nno turn of mine<|im_end|>\n"],
    ["Let me look.<|im_end|>\n", "It is sunny.<|im_end|>\n", f"{'You are welcome. ' * 20}<|im_end|>\n"],
    ["An opening.<|im_end|>\n"],
]
# It drops what the assistant said before the last question, as templates of reasoning models drop its thoughts.
FORGETS = (
    CHATML.replace(
        "{% for message in messages %}",
        "{% for message in messages if loop.last or message['role'] != 'assistant' or loop.index > messages|length - 2 %}",
    )
    .replace("if loop.last or ", "if ")
    .replace("loop.index > messages|length - 2", "message == messages[-1]")
)


def encoder(folder: Path, template: str) -> Encoder:
    make_tiny_base(folder, template=template)
    return Encoder(load_tokenizer(folder, RowForm.CHAT), RowForm.CHAT, loss_on="assistant")


def learned_texts(folder: Path, row: EncodedRow) -> list[str]:
    tokenizer = load_tokenizer(folder, RowForm.CHAT)
    return [tokenizer.decode(row.input_ids[start:end]) for start, end in row.learned_within(1024)]


@pytest.mark.parametrize("template", [CHATML, MARKED], ids=["without marks", "with marks"])
def test_every_turn_is_learned_and_nothing_else(tmp_path: Path, template: str) -> None:
    encoded = encoder(tmp_path, template).encode_all(ROWS)
    assert [learned_texts(tmp_path, row) for row in encoded] == LEARNED
    for row in encoded:
        learned = [index for index, label in enumerate(row.labels(1024)) if label != MASKED]
        assert len(learned) == row.trained_tokens(1024)
        assert row.learned_from == learned[0]


def test_tokens_and_labels_are_those_that_trl_makes(tmp_path: Path) -> None:
    rows, length = ROWS[:3], 60
    make_tiny_base(tmp_path, template=MARKED)
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(tmp_path),
        args=SFTConfig(
            output_dir=str(tmp_path / "trl"), report_to="none", use_cpu=True, bf16=False, activation_checkpointing=False,
            dataloader_pin_memory=False, assistant_only_loss=True, max_length=length,
        ),
        train_dataset=Dataset.from_list([
            {"messages": [*prompt_messages(row), *answer_messages(row)]} for row in rows
        ]),
        processing_class=load_tokenizer(tmp_path, RowForm.CHAT),
    )  # fmt: skip
    for template in (MARKED, CHATML):
        ours = encoder(tmp_path, template).encode_all(rows)
        assert [row.input_ids[:length] for row in ours] == [row["input_ids"] for row in trainer.train_dataset]
        assert [row.labels(length) for row in ours] == [row["labels"] for row in trainer.train_dataset]


def test_a_cut_takes_whole_turns_and_parts_of_them(tmp_path: Path) -> None:
    row = encoder(tmp_path, CHATML).encode(ROWS[1])
    (first, second) = row.learned_within(1024)
    assert row.learned_within(first[1] - 1) == [(first[0], first[1] - 1)]
    assert row.learned_within(second[0] + 2) == [first, (second[0], second[0] + 2)]
    assert row.learned_within(first[0]) == []
    assert row.trained_tokens(first[0]) == 0


def test_a_template_that_rewrites_earlier_turns_is_told_and_nothing_is_guessed(tmp_path: Path) -> None:
    found = encoder(tmp_path, FORGETS)
    assert learned_texts(tmp_path, found.encode(ROWS[0])) == LEARNED[0]
    with pytest.raises(
        ChildFailure, match=r"Row 2, message 2: the chat template does not show .*{% generation %}"
    ) as e:
        found.encode(ROWS[1])
    assert e.value.cause is Cause.ASSISTANT_UNKNOWN


def test_a_run_stops_before_its_first_step_with_that_cause(tmp_path: Path) -> None:
    make_tiny_base(tmp_path / "base", template=FORGETS)
    ended = train(tmp_path / "run", TURNS, base=tmp_path / "base", assistant_only_loss=True)
    assert ended.cause[0] is Cause.ASSISTANT_UNKNOWN
    assert not ended.steps


def test_a_run_learns_from_more_tokens_than_with_the_last_answer_only(tmp_path: Path) -> None:
    both = [
        train(tmp_path / str(all_turns), TURNS, assistant_only_loss=all_turns, max_steps=1)
        for all_turns in (False, True)
    ]
    last, turns = (ended.plan["trained_tokens_per_epoch"] for ended in both)
    assert turns > last
    assert both[0].steps[0].tokens == both[1].steps[0].tokens
