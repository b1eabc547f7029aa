"""A row becomes the tokens that trl would make of it, and everybody who asks gets the same ones."""

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer

from finetune_app.datasets.formats import Message, RowForm, TrainingRow
from finetune_app.datasets.template_messages import answer_messages, prompt_messages
from finetune_app.jobs.causes import Cause
from tests.tiny import CHATML, make_tiny_base, tiny_base
from tests.workers.runs import make_run
from workers.child import ChildFailure
from workers.encoding import MASKED, Encoder, load_tokenizer
from workers.spec import RunSpec
from workers.trainer.rows import tokenize_rows

# A template whose prompt alone ends otherwise than the prompt before an answer.
THINKING = CHATML.replace("<|im_start|>assistant\n' }}{% endif %}", "<|im_start|>assistant\n<think>' }}{% endif %}")


def chat_row(number: int, question: str, answer: str, *before: Message) -> TrainingRow:
    return TrainingRow(number, [*before, Message("user", question)], answer, "", None)


CHATS = [
    chat_row(1, "What is the colour of the sky?", "blue"),
    chat_row(2, "Und die Straße? 🌱 “quoted”", "grün\n\nund 灰色 🌳", Message("system", "Answer in two words.")),
    chat_row(3, "again?", " leading and trailing ", Message("user", "one"), Message("assistant", "two")),
    chat_row(4, "A long one: " + "ten nine eight " * 12, "It goes on and on. " * 12),
    chat_row(5, "", "{{ not a template }} <|im_end|>", Message("system", "")),
]
TEXTS = [TrainingRow(1, [], "", text, None) for text in ("The sky is blue.", "ends itself<|im_end|>", "é🌱 " * 40)]


@pytest.fixture(scope="module")
def thinking_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thinking")
    make_tiny_base(folder, template=THINKING)
    return folder


def trls_own(base: Path, form: RowForm, rows: list[TrainingRow], folder: Path, **options: Any) -> list[dict[str, Any]]:
    """What trl makes of the rows when it is given them as text or messages."""
    raw = (
        [{"text": row.text} for row in rows]
        if form is RowForm.TEXT
        else [{"prompt": prompt_messages(row), "completion": answer_messages(row)} for row in rows]
    )
    options = {"completion_only_loss": form is not RowForm.TEXT} | options
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base),
        args=SFTConfig(
            output_dir=str(folder),
            report_to="none",
            use_cpu=True,
            bf16=False,
            activation_checkpointing=False,
            dataloader_pin_memory=False,
            **options,
        ),
        train_dataset=Dataset.from_list(raw),
        processing_class=load_tokenizer(base, form),
    )
    return list(trainer.train_dataset)


def without_firsts(sequence: dict[str, Any]) -> dict[str, Any]:
    """The first token of a row is no label in Graft; the trainer never asks for it in either case."""
    labels = list(sequence["labels"])
    start = 0
    for length in sequence.get("seq_lengths", [len(labels)]):
        labels[start] = MASKED
        start += length
    return {"input_ids": sequence["input_ids"], "labels": labels} | (
        {"seq_lengths": sequence["seq_lengths"]} if "seq_lengths" in sequence else {}
    )


def graft(base: Path, form: RowForm, rows: list[TrainingRow], **options: Any) -> list[dict[str, Any]]:
    max_length = options.get("max_length", 1024)
    encoder = Encoder(
        load_tokenizer(base, form), form, loss_on="completion" if options.get("completion_only_loss", True) else "all"
    )
    encoded = encoder.encode_all(rows)
    assert encoded == [encoder.encode(row) for row in rows]
    return [{"input_ids": row.input_ids[:max_length], "labels": row.labels(max_length)} for row in encoded]


@pytest.mark.parametrize(
    ("form", "rows", "options"),
    [
        (RowForm.CHAT, CHATS, {"max_length": 1024}),
        (RowForm.CHAT, CHATS, {"max_length": 180}),
        (RowForm.CHAT, CHATS, {"max_length": 180, "completion_only_loss": False}),
        (RowForm.TEXT, TEXTS, {"max_length": 32}),
    ],
)
def test_ids_and_labels_are_those_that_trl_makes(
    form: RowForm, rows: list[TrainingRow], options: dict[str, Any], tmp_path: Path
) -> None:
    theirs = trls_own(tiny_base(), form, rows, tmp_path, **options)
    assert [without_firsts(row) for row in theirs] == graft(tiny_base(), form, rows, **options)


def test_the_answer_begins_where_prompt_and_whole_part(thinking_base: Path, tmp_path: Path) -> None:
    theirs = trls_own(thinking_base, RowForm.CHAT, CHATS, tmp_path, max_length=1024)
    assert [without_firsts(row) for row in theirs] == graft(thinking_base, RowForm.CHAT, CHATS)


@pytest.mark.parametrize("packing", [False, True])
def test_the_trainer_gets_the_sequences_that_trl_would_have_made(tmp_path: Path, packing: bool) -> None:
    rows = [
        {"messages": [*prompt_messages(row), *answer_messages(row)], "split": "train"} for row in CHATS if row.prompt
    ]
    spec = RunSpec.load(make_run(tmp_path / "run", rows[:4] * 5, max_length=300, packing=packing))
    ours = tokenize_rows(spec, load_tokenizer(tiny_base(), RowForm.CHAT), tmp_path)
    theirs = trls_own(tiny_base(), RowForm.CHAT, CHATS[:4] * 5, tmp_path / "trl", max_length=300, packing=packing)
    assert [without_firsts(sequence) for sequence in theirs] == list(ours.dataset)
    assert ours.trained_tokens == sum(label != MASKED for row in ours.dataset for label in row["labels"])


def test_a_base_without_template_takes_plain_text_only(tmp_path: Path) -> None:
    make_tiny_base(tmp_path, template=None)
    with pytest.raises(ChildFailure) as caught:
        load_tokenizer(tmp_path, RowForm.CHAT)
    assert caught.value.cause is Cause.TEMPLATE_MISSING
    encoder = Encoder(load_tokenizer(tmp_path, RowForm.TEXT), RowForm.TEXT)
    assert encoder.encode(TEXTS[0]).text == "The sky is blue.<|im_end|>"


def test_tools_and_their_calls_reach_the_template(tmp_path: Path) -> None:
    template = (
        "{{ tools | tojson }}{% for m in messages %}{{ m.role }}{{ m.get('tool_calls', []) | tojson }}{% endfor %}"
    )
    make_tiny_base(tmp_path, template=template)
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Bonn"}}}
    tool = {"type": "function", "function": {"name": "weather"}}
    row = TrainingRow(1, [Message("user", "?")], "", "", None, answer_calls=(call,), tools=(tool,))
    text = Encoder(load_tokenizer(tmp_path, RowForm.CHAT), RowForm.CHAT).encode(row).text
    assert text.startswith('[{"type": "function"')
    assert text.endswith('"arguments": {"city": "Bonn"}}}]')


def test_a_row_that_the_template_refuses_is_named(tmp_path: Path) -> None:
    make_tiny_base(tmp_path, template="{{ raise_exception('Only one turn, please.') }}")
    encoder = Encoder(load_tokenizer(tmp_path, RowForm.CHAT), RowForm.CHAT)
    with pytest.raises(ChildFailure, match=r"Row 3: .*Only one turn, please\.") as caught:
        encoder.encode(CHATS[2])
    assert caught.value.cause is Cause.BAD_ROWS
