"""Every row that cannot be trained on is named by its number, with a sentence that says why."""

import json
from typing import Any

import pytest

from finetune_app.datasets import rows
from finetune_app.datasets.formats import BadRow
from tests.datasets.makers import chat, checked, jsonl

ASKED = {"role": "user", "content": "Where?"}
ANSWERED = {"role": "assistant", "content": "Here."}
HUMAN = {"from": "human", "value": "Where?"}
GPT = {"from": "gpt", "value": "Here."}
CHAT = chat()
SHAREGPT = {"conversations": [HUMAN, GPT]}
INSTRUCTION = {"instruction": "Say hi.", "output": "Hi."}
PROMPT = {"prompt": "Hi?", "completion": "Hi."}
TEXT = {"text": "Once."}
PREFERENCE = {"prompt": "Hi?", "chosen": "Hi.", "rejected": "No."}
KTO = {"prompt": "Hi?", "completion": "Hi.", "label": True}
CALL = {"function": {"name": "find", "arguments": "{}"}}


def called(arguments: str) -> dict[str, Any]:
    """An answer that calls a tool with these arguments."""
    return {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": arguments}}]}


def bad_row(good: dict[str, Any], bad: bytes) -> BadRow:
    """What is said of `bad` as the second row of a file of `good` rows."""
    report = checked(jsonl(good) + bad + b"\n" + jsonl(good))
    assert report.tally.rows == 2
    (found,) = report.tally.bad_rows
    assert found.number == 2
    return found


@pytest.mark.parametrize(
    ("good", "bad", "code", "words"),
    [
        (CHAT, 7, "not_an_object", "a number"),
        (CHAT, [CHAT], "not_an_object", "a list"),
        (CHAT, "hello", "not_an_object", "“hello”"),
        (CHAT, None, "not_an_object", "null"),
        (CHAT, {"question": "Where?"}, "unknown_form", "“question”"),
        (CHAT, {}, "unknown_form", "no keys at all"),
        (CHAT, TEXT, "other_form", "the form “text”, but the file is read as “chat”"),
        (TEXT, CHAT, "other_form", "the form “chat”, but the file is read as “text”"),
        (CHAT, {"messages": []}, "no_answer", "no messages"),
        (CHAT, {"messages": [ASKED]}, "no_answer", "from “user”, not from the assistant"),
        (CHAT, {"messages": [ASKED, ANSWERED, ASKED]}, "no_answer", "from “user”, not from the assistant"),
        (CHAT, {"messages": [ASKED, {"role": "assistant", "content": " \n"}]}, "no_answer", "empty"),
        (CHAT, {"messages": [ANSWERED]}, "no_prompt", "nothing before the answer"),
        (CHAT, {"messages": [{"role": "user", "content": " "}, ANSWERED]}, "no_prompt", "nothing before the answer"),
        (CHAT, {"messages": "hello"}, "wrong_type", "“hello”, not a list"),
        (CHAT, {"messages": [ASKED, "hello"]}, "wrong_type", "Message 2 of “messages”"),
        (CHAT, {"messages": [{"role": "user"}, ANSWERED]}, "wrong_type", "no “content”"),
        (CHAT, {"messages": [{"role": "user", "content": None}, ANSWERED]}, "wrong_type", "null, not a text"),
        (CHAT, {"messages": [{"role": "user", "content": 1.5}, ANSWERED]}, "wrong_type", "a number, not a text"),
        (CHAT, {"messages": [{"role": "wizard", "content": "x"}, ANSWERED]}, "unknown_role", "“wizard”"),
        (CHAT, {"messages": [ASKED, ANSWERED | {"content": None}]}, "wrong_type", "null, not a text"),
        (CHAT, {"messages": [ASKED, ANSWERED | {"tool_calls": [{}]}]}, "tools", "without a “name”"),
        (CHAT, {"messages": [ASKED, ANSWERED | {"tool_calls": [7]}]}, "tools", "calls a number"),
        (CHAT, {"messages": [ASKED, called("{")]}, "tools", "The “arguments” of “find” holds “{”, which is not JSON"),
        (CHAT, {"messages": [ASKED, called("[1]")]}, "tools", "“arguments” must be an object"),
        (CHAT, {"messages": [ASKED | {"tool_calls": [CALL]}, ANSWERED]}, "tools", "only the assistant calls tools"),
        (CHAT, {"messages": [ASKED, called("{}"), {"role": "tool", "content": "3"}]}, "no_answer", "from “tool”"),
        (CHAT, CHAT | {"tools": 7}, "tools", "“tools” is a number"),
        (CHAT, CHAT | {"tools": "search"}, "tools", "“search”, which is not JSON"),
        (CHAT, CHAT | {"tools": ["search"]}, "tools", "Tool 1 of “tools” is “search”"),
        (CHAT, CHAT | {"split": "some"}, "unknown_split", "“some”; it must be “train” or “held_out”"),
        (CHAT, CHAT | {"split": ["train"]}, "unknown_split", "a list"),
        (CHAT, CHAT | {"system": 5}, "wrong_type", "“system” is a number"),
        (SHAREGPT, {"conversations": [HUMAN]}, "no_answer", "not from the assistant"),
        (SHAREGPT, {"conversations": [HUMAN], "chosen": GPT, "rejected": GPT}, "no_answer", "“chosen” and “rejected”"),
        (SHAREGPT, {"conversations": [HUMAN | {"from": "bing"}, GPT]}, "unknown_role", "“bing”"),
        (SHAREGPT, {"conversations": [{"role": "user", "content": "x"}]}, "wrong_type", "no “from”"),
        (INSTRUCTION, {"instruction": "Say hi."}, "no_answer", "“output” is missing"),
        (INSTRUCTION, {"instruction": "Say hi.", "output": ""}, "no_answer", "“output” is empty"),
        (INSTRUCTION, {"instruction": "Say hi.", "output": 1}, "wrong_type", "“output” is a number"),
        (INSTRUCTION, {"instruction": "Say hi.", "output": True}, "wrong_type", "“output” is true"),
        (INSTRUCTION, {"instruction": "", "input": " ", "output": "Hi."}, "no_prompt", "nothing before the answer"),
        (INSTRUCTION, INSTRUCTION | {"history": [["only one"]]}, "wrong_type", "Turn 1 of “history”"),
        (PROMPT, {"prompt": "Hi?"}, "no_answer", "“completion” is missing"),
        (PROMPT, {"prompt": "Hi?", "completion": "\t"}, "no_answer", "“completion” is empty"),
        (PROMPT, {"prompt": "", "completion": "Hi."}, "no_prompt", "nothing before the answer"),
        (PROMPT, {"prompt": {"a": 1}, "completion": "Hi."}, "wrong_type", "“prompt” is an object"),
        (PROMPT, {"prompt": [ASKED], "completion": [ANSWERED, ANSWERED]}, "no_answer", "exactly one message"),
        (PROMPT, {"prompt": "Hi?", "chosen": "a", "rejected": "b"}, "no_answer", "“chosen” and “rejected”"),
        (PREFERENCE, {"prompt": "a", "chosen": "b", "rejected": " "}, "no_answer", "“rejected” does not end with an"),
        (PREFERENCE, {"chosen": [ASKED], "rejected": "b"}, "no_answer", "“chosen” does not end with an answer"),
        (PREFERENCE, {"chosen": 7, "rejected": "b"}, "wrong_type", "“chosen” is a number"),
        (
            PREFERENCE,
            {"chosen": [ASKED, ANSWERED], "rejected": [ANSWERED]},
            "no_common_prompt",
            "do not answer the same conversation",
        ),
        (PREFERENCE, PROMPT, "other_form", "read as “preference”"),
        (KTO, KTO | {"label": "perhaps"}, "unknown_label", "“perhaps”; it must be true or false"),
        (KTO, KTO | {"label": None}, "unknown_label", "null"),
        (TEXT, {"text": ""}, "empty_text", "empty"),
        (TEXT, {"text": 1.5}, "wrong_type", "a number, not a text"),
    ],
)
def test_the_reason_names_what_is_wrong(good: dict[str, Any], bad: object, code: str, words: str) -> None:
    found = bad_row(good, json.dumps(bad).encode())
    assert found.code == code
    assert words in found.reason
    assert found.reason.endswith(".")


@pytest.mark.parametrize(
    ("bad", "code", "words"),
    [
        (b"{'text': 'a'}", "not_json", "at byte 2"),
        (b'{"text": "a",}', "not_json", "trailing comma"),
        (b'{"text": "a"', "not_json", "ends in the middle"),
        (b'{"text": "a"} {"text": "b"}', "not_json", "trailing characters"),
        (b'{"text": NaN}', "not_json", "at byte 10"),
        (b'{"text": "\\ud83d"}', "not_json", "without its other half"),
        (b'{"text": "caf\xe9"}', "invalid_utf8", "byte 14"),
        (b'{"text": "a", "note": "caf\xe9"}', "invalid_utf8", "byte 27"),
        (b"[" * 100_000, "too_deep", "nested too deeply"),
        (b'{"text": "a", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep", "nested too deeply"),
    ],
)
def test_a_line_that_cannot_be_read_says_where(bad: bytes, code: str, words: str) -> None:
    for good in (TEXT, CHAT):
        found = bad_row(good, bad)
        assert found.code == code
        assert words in found.reason


def test_a_line_over_the_limit_is_one_bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROW_LIMIT_BYTES", 1_000_000)
    found = bad_row(TEXT, json.dumps({"text": "x" * 3_000_000}).encode())
    assert (found.number, found.code) == (2, "too_long")


def test_a_row_over_the_limit_in_an_array_is_one_bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROW_LIMIT_BYTES", 300_000)
    report = checked(json.dumps([TEXT, {"text": "x" * 310_000}, TEXT]).encode())
    assert [(row.number, row.code) for row in report.tally.bad_rows] == [(2, "too_long")]


def test_blank_lines_are_no_rows_and_the_reason_says_which_line_it_is() -> None:
    (found,) = checked(b"\n\n" + jsonl(TEXT) + b"\n" + jsonl({"text": ""})).tally.bad_rows
    assert found.number == 2
    assert found.reason.endswith("(Line 5 of the file.)")


def test_the_raw_text_is_kept_and_cut() -> None:
    content = jsonl(TEXT) + b'{"text": "", "note": "caf\xe9"}\n' + b'{"note": "' + b"x" * 5000 + b'"}\n'
    first, second = checked(content).tally.bad_rows
    assert first.text == '{"text": "", "note": "caf�"}'
    assert len(second.text) == 2_001
    assert second.text.endswith("…")


def test_of_many_bad_rows_the_later_ones_keep_less_text() -> None:
    found = checked(jsonl(TEXT) + b'{"note": "%s"}\n' % (b"x" * 400) * 300).tally.bad_rows
    assert {len(bad.text) for bad in found} == {412, 201}


def test_a_bad_element_of_an_array_leaves_the_others_good() -> None:
    report = checked(b'[{"text": "a"}, 1e999, {"text": ""}, {"text": "\\ud800"}, {"text": "b"}]')
    assert report.tally.rows == 2
    assert [(row.number, row.code) for row in report.tally.bad_rows] == [
        (2, "not_an_object"),
        (3, "empty_text"),
        (4, "not_json"),
    ]
