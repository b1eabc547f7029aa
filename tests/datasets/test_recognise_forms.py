"""What a file holds is recognised by its content, and every form becomes the same kind of training row."""

import json
from pathlib import Path
from typing import Any

import pytest

from finetune_app.datasets.form_guide import FORM_GUIDES
from finetune_app.datasets.formats import Message, RowForm, Split, TrainingRow, read_rows
from tests.datasets.makers import chat, checked, jsonl

USER = Message("user", "Where is it?")
ASKED = {"role": "user", "content": "Where is it?"}
ANSWERED = {"role": "assistant", "content": "Here."}


def only_row(tmp_path: Path, row: dict[str, Any]) -> TrainingRow:
    """The row as the trainer gets it, after the check has recognised its form."""
    content = jsonl(row)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    report = checked(content)
    (found,) = read_rows(path, report.file_format, report.row_form)
    assert isinstance(found, TrainingRow)
    return found


@pytest.mark.parametrize(
    ("form", "row"),
    [
        (RowForm.CHAT, {"messages": [ASKED, ANSWERED]}),
        (
            RowForm.SHAREGPT,
            {"conversations": [{"from": "human", "value": "Where is it?"}, {"from": "gpt", "value": "Here."}]},
        ),
        (RowForm.INSTRUCTION, {"instruction": "Where is it?", "input": "", "output": "Here."}),
        (RowForm.INSTRUCTION, {"instruction": "Where is it?", "output": "Here."}),
        (RowForm.PROMPT_COMPLETION, {"prompt": "Where is it?", "completion": "Here."}),
        (RowForm.PROMPT_COMPLETION, {"prompt": [ASKED], "completion": [ANSWERED]}),
    ],
)
def test_a_question_and_its_answer_are_the_same_row_in_every_form(
    tmp_path: Path, form: RowForm, row: dict[str, Any]
) -> None:
    assert checked(jsonl(row)).row_form is form
    assert only_row(tmp_path, row) == TrainingRow(1, [USER], "Here.", "", None)


def test_plain_text_has_no_prompt_and_no_completion(tmp_path: Path) -> None:
    assert only_row(tmp_path, {"text": "Once."}) == TrainingRow(1, [], "", "Once.", None)


def test_everything_before_the_last_answer_is_the_prompt(tmp_path: Path) -> None:
    row = only_row(
        tmp_path, {"messages": [{"role": "system", "content": "Be kind."}, ASKED, ANSWERED, ASKED, ANSWERED]}
    )
    assert [message.role for message in row.prompt] == ["system", "user", "assistant", "user"]
    assert row.completion == "Here."


def test_the_input_follows_the_instruction(tmp_path: Path) -> None:
    row = only_row(tmp_path, {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"})
    assert row.prompt == [Message("user", "Translate.\n\nGuten Tag")]


def test_a_system_key_and_a_history_come_before_the_question(tmp_path: Path) -> None:
    row = only_row(
        tmp_path,
        {"instruction": "And in French?", "output": "Bonjour", "system": "Translate.", "history": [["Hello", "Hallo"]]},
    )
    assert row.prompt == [
        Message("system", "Translate."),
        Message("user", "Hello"),
        Message("assistant", "Hallo"),
        Message("user", "And in French?"),
    ]


@pytest.mark.parametrize("extra", [{}, {"id": 7, "tools": []}, {"source": "mail"}])
def test_a_row_names_its_own_split(tmp_path: Path, extra: dict[str, Any]) -> None:
    assert only_row(tmp_path, chat(split="held_out", **extra)).split is Split.HELD_OUT
    assert only_row(tmp_path, chat(split="train", **extra)).split is Split.TRAIN
    assert only_row(tmp_path, chat(split=None, **extra)).split is None


def test_unknown_keys_in_a_message_change_nothing(tmp_path: Path) -> None:
    row = {"messages": [ASKED | {"name": "Ann"}, ANSWERED | {"weight": 1, "tool_calls": []}], "id": 7}
    assert only_row(tmp_path, row) == only_row(tmp_path, {"messages": [ASKED, ANSWERED]})


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + jsonl(chat(), chat("Why?")),
        jsonl(chat(), chat("Why?")).replace(b"\n", b"\r\n"),
        b"\n  \n" + jsonl(chat()) + b"\n\r\n" + jsonl(chat("Why?")),
        jsonl(chat(), chat("Why?")).rstrip(),
        json.dumps([chat(), chat("Why?")]).encode(),
        b"\xef\xbb\xbf \n" + json.dumps([chat(), chat("Why?")], indent=2, ensure_ascii=False).encode() + b"\n",
        b"\n" * 9000 + json.dumps([chat(), chat("Why?")]).encode(),
    ],
    ids=["bom", "crlf", "blank lines", "no last newline", "array", "pretty array with bom", "blanks before an array"],
)
def test_the_usual_varieties_of_a_file_are_fine(content: bytes) -> None:
    report = checked(content)
    assert (report.tally.rows, report.tally.bad_count, report.row_form) == (2, 0, RowForm.CHAT)


def test_the_form_is_that_of_the_first_row_that_has_one() -> None:
    report = checked(jsonl(7, {"x": 1}, {"text": "Once."}, chat()))
    assert report.row_form is RowForm.TEXT
    assert [row.code for row in report.tally.bad_rows] == ["not_an_object", "unknown_form", "other_form"]


@pytest.mark.parametrize("guide", FORM_GUIDES, ids=lambda guide: guide.form)
def test_the_examples_that_the_pages_show_are_good_rows(guide: Any) -> None:
    report = checked(guide.example.encode())
    assert (report.row_form, report.tally.rows) == (guide.form, 1)


def test_every_form_is_explained() -> None:
    assert {guide.form for guide in FORM_GUIDES} == set(RowForm)
