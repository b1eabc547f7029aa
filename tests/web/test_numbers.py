"""Numbers in what a browser sends."""

import pytest

from finetune_app.web.numbers import number_in


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("999999999", 999_999_999)])
def test_digits_are_a_number(text, number):
    assert number_in(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1_0", "x", "²", "١", "1" * 10, "9" * 5000])
def test_anything_else_is_none(text):
    assert number_in(text) is None
