"""What the checks of single rows find, and what they leave alone."""

from array import array

import pytest

from finetune_app.datasets.row_types import Message, Role, ToolMessage, TrainingRow
from workers.findings.encoding import broken_text, control_characters
from workers.findings.lengths import LengthRule
from workers.findings.roles import empty_turn, roles_out_of_order

CALL = ({"type": "function", "function": {"name": "weather", "arguments": {"city": "Riga"}}},)


def row(*roles: Role, text: str = "") -> TrainingRow:
    """A row with these turns before the answer."""
    return TrainingRow(1, [Message(role, f"said {place}") for place, role in enumerate(roles)], "Yes.", text, None)


@pytest.mark.parametrize(
    "roles",
    [
        ("user",),
        ("system", "user"),
        ("user", "assistant", "user"),
        ("system", "user", "assistant", "user", "assistant", "user"),
        ("user", "assistant", "tool"),
        ("user", "assistant", "tool", "tool"),
        (),
    ],
)
def test_the_usual_order_is_left_alone(roles):
    assert roles_out_of_order(row(*roles)) is None


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        (("user", "user"), "Messages 1 and 2 are both from the user."),
        (("user", "assistant"), "Messages 2 and 3 are both from the assistant."),
        (("assistant", "user"), "The assistant speaks before any user does."),
        (("system",), "The assistant speaks before any user does."),
        (("user", "system"), "Message 2 is from the system, which speaks first or not at all."),
        (("system", "system", "user"), "Message 2 is from the system"),
    ],
)
def test_other_orders_are_told(roles, words):
    assert words in roles_out_of_order(row(*roles))


def test_an_empty_turn_is_told_but_not_a_call_or_what_a_tool_answers():
    blank = TrainingRow(1, [Message("system", " \n"), Message("user", "Hi")], "Yes.", "", None)
    assert empty_turn(blank) == "Message 1, from the system, is empty."
    calls = [Message("user", "Weather?"), ToolMessage("assistant", "", CALL), Message("tool", "")]
    assert empty_turn(TrainingRow(1, calls, "Sunny.", "", None)) is None
    assert empty_turn(row("user", "assistant", "user")) is None


def test_outliers_are_far_from_the_median_in_both_directions():
    rule = LengthRule.of(array("I", list(range(200, 301))))
    assert rule.short("Yes.") == "4 characters; the median is 250."
    assert rule.long("x" * 5000) == "5,000 characters; the median is 250."
    for length in (80, 200, 300, 900):
        assert rule.short("x" * length) is None
        assert rule.long("x" * length) is None


def test_lengths_that_vary_much_have_a_wider_reach():
    rule = LengthRule.of(array("I", [2**place for place in range(1, 13) for _ in range(20)]))
    assert rule.long("x" * 9000) is None
    assert rule.short("x") is None


def test_equal_lengths_do_not_make_every_other_row_an_outlier():
    rule = LengthRule.of(array("I", [8] * 900 + [9] * 100))
    assert rule.long("negative!") is None
    assert rule.short("posit") is None
    assert rule.long("x" * 33)


def test_a_few_rows_are_not_compared():
    assert LengthRule.of(array("I", [100] * 49)).long("x" * 100_000) is None


@pytest.mark.parametrize("text", ["cafÃ© au lait", "Itâ€™s fine", "a \ufffd b", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚"])
def test_text_that_was_decoded_wrongly_is_found(text):
    assert broken_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "Größe – “naïve” façade…",
        "漢字とカタカナ",
        "Привет, мир",
        "مرحبا",
        "😀 👩‍👧 🇱🇻",
        "x² ≤ ½ °C",
        "ÀÉÎ",
    ],
)
def test_text_in_any_language_is_left_alone(text):
    assert broken_text(text) is None
    assert control_characters(text) is None


def test_mojibake_is_told_with_what_it_probably_was():
    assert broken_text("Ein cafÃ© in Wien").detail == "“Ein cafÃ© in Wien” was probably “Ein café in Wien”."


def test_control_characters_are_named():
    assert control_characters("a\x00b\x1b[0m").detail == "U+0000, U+001B."
    assert control_characters("a\tb\r\nc\n") is None
    assert control_characters("a\x85b").start == 1
