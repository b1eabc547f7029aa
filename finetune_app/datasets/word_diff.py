"""Two texts word by word: what was taken out and what was put in. Pure."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

WORDS = re.compile(r"\w+|\s+|[^\w\s]")
MOST_WORDS = 3_000  # of both texts together: beyond it the comparison takes too long for a page


@dataclass(frozen=True)
class Piece:
    """A part of a text; `differs` when the other text has something else in its place."""

    text: str
    differs: bool


def word_diff(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces; put together they are the texts. Very long texts come as one piece that differs."""
    words_before, words_after = WORDS.findall(before), WORDS.findall(after)
    if before == after or len(words_before) + len(words_after) > MOST_WORDS:
        return _piece(before, before != after), _piece(after, before != after)
    matches = SequenceMatcher(None, words_before, words_after, autojunk=False).get_matching_blocks()
    old, new = _leading(words_before, words_after, matches[0].a, matches[0].b)
    for match, following in pairwise(matches):
        same = "".join(words_before[match.a : match.a + match.size])
        old += _piece(same, False) + _piece("".join(words_before[match.a + match.size : following.a]), True)
        new += _piece(same, False) + _piece("".join(words_after[match.b + match.size : following.b]), True)
    return old, new


def _leading(before: list[str], after: list[str], end_before: int, end_after: int) -> tuple[list[Piece], list[Piece]]:
    return _piece("".join(before[:end_before]), True), _piece("".join(after[:end_after]), True)


def _piece(text: str, differs: bool) -> list[Piece]:
    return [Piece(text, differs)] if text else []
