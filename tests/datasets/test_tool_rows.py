"""Rows with tools become messages that a chat template takes; preferences keep both answers."""

import json
from typing import Any

import pytest

from finetune_app.datasets.formats import Message, RowForm, ToolMessage, TrainingRow
from finetune_app.datasets.template_messages import answer_messages, prompt_messages, template_tools
from tests.datasets.makers import checked, jsonl, rows_of

TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "find", "arguments": {"number": 7}}}
ASKED = {"role": "user", "content": "Where is 7?"}
ANSWERED = {"role": "assistant", "content": "In Lima."}
RESULT = {"role": "tool", "content": '{"place":"Lima"}'}
HUMAN = {"from": "human", "value": "Where is 7?"}
GPT = {"from": "gpt", "value": "In Lima."}


def only_row(row: dict[str, Any]) -> TrainingRow:
    report = checked(jsonl(row))
    assert report.tally.bad_rows == []
    (found,) = rows_of(report, jsonl(row))
    assert isinstance(found, TrainingRow)
    return found


@pytest.mark.parametrize(
    "row",
    [
        {
            "messages": [ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT, ANSWERED],
            "tools": [TOOL],
        },
        {
            "messages": [
                ASKED,
                {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": '{"number": 7}'}}]},
                {"role": "tool", "content": {"place": "Lima"}},
                ANSWERED,
            ],
            "tools": json.dumps([TOOL]),
        },
        {
            "messages": [
                ASKED,
                {"role": "assistant", "content": "", "function_call": {"name": "find", "arguments": '{"number": 7}'}},
                {"role": "function", "content": '{"place":"Lima"}'},
                ANSWERED,
            ],
            "tools": [TOOL],
        },
        {
            "conversations": [
                HUMAN,
                {"from": "function_call", "value": '{"name": "find", "arguments": {"number": 7}}'},
                {"from": "observation", "value": '{"place":"Lima"}'},
                GPT,
            ],
            "tools": json.dumps([TOOL]),
        },
    ],
)
def test_calls_and_results_reach_the_template_in_one_shape(row: dict[str, Any]) -> None:
    found = only_row(row)
    assert prompt_messages(found) == [ASKED, {"role": "assistant", "content": "", "tool_calls": [CALL]}, RESULT]
    assert answer_messages(found) == [ANSWERED]
    assert template_tools(found) == [TOOL]


def test_an_answer_may_be_a_call() -> None:
    found = only_row({"messages": [ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL | {"id": "c1"}]}]})
    assert found.completion == ""
    assert answer_messages(found) == [{"role": "assistant", "content": "", "tool_calls": [CALL | {"id": "c1"}]}]
    assert template_tools(found) is None


def test_a_result_names_its_call() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    result = RESULT | {"tool_call_id": "c1", "name": "find"}
    found = only_row({"messages": [ASKED, call, result, ANSWERED]})
    assert found.prompt[-1] == ToolMessage("tool", '{"place":"Lima"}', (), "c1", "find")
    assert prompt_messages(found)[-1] == result


def test_the_preview_shows_calls_and_tools() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    report = checked(jsonl({"messages": [ASKED, call, RESULT | {"name": "find"}, call], "tools": [TOOL]}))
    (row,) = report.tally.first_rows
    assert row["prompt"][1]["calls"] == [{"name": "find", "arguments": '{"number":7}'}]
    assert row["prompt"][2]["name"] == "find"
    assert (row["calls"], row["tools"]) == ([{"name": "find", "arguments": '{"number":7}'}], ["find"])


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Where is 7?", "chosen": "In Lima.", "rejected": "No."},
        {"prompt": [ASKED], "chosen": [ANSWERED], "rejected": [ANSWERED | {"content": "No."}]},
        {"prompt": "Where is 7?", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, ANSWERED | {"content": "No."}]},
        {"chosen": [ASKED, ANSWERED], "rejected": [ASKED, ANSWERED | {"content": "No."}]},
        {"conversations": [HUMAN], "chosen": GPT, "rejected": GPT | {"value": "No."}},
        {"instruction": "Where is 7?", "input": "", "chosen": "In Lima.", "rejected": "No."},
    ],
)
def test_a_preference_has_a_prompt_and_two_answers(row: dict[str, Any]) -> None:
    assert checked(jsonl(row)).row_form is RowForm.PREFERENCE
    assert only_row(row) == TrainingRow(1, [Message("user", "Where is 7?")], "In Lima.", "", None, rejected="No.")


def test_a_preference_may_have_no_prompt() -> None:
    assert only_row({"chosen": "a", "rejected": "b"}) == TrainingRow(1, [], "a", "", None, rejected="b")


def test_kto_has_a_label() -> None:
    found = only_row({"prompt": "Where is 7?", "completion": "No.", "label": False})
    assert found == TrainingRow(1, [Message("user", "Where is 7?")], "No.", "", None, label=False)


def test_a_label_that_is_a_word_makes_no_kto() -> None:
    assert checked(jsonl({"prompt": "a", "completion": "b", "label": "spam"})).row_form is RowForm.PROMPT_COMPLETION


@pytest.mark.parametrize(("name", "part"), [("training", "train"), ("validation", "held_out"), ("dev", "held_out")])
def test_usual_names_of_parts_are_known(name: str, part: str) -> None:
    assert only_row({"messages": [ASKED, ANSWERED], "split": name}).split == part
    assert only_row({"text": "a", "split": name}).split == part
