"""What people are shown of a row: a piece around the spot, with secrets masked. Pure."""

from finetune_app.datasets.row_types import TrainingRow
from workers.findings.secrets import masked
from workers.findings.spot import Spot

BEFORE, AFTER = 100, 260  # characters that are shown
MASKED = 15_000  # characters on each side that are looked at, so that no half of a long secret is shown
TURNS, TURN_LENGTH = 12, 60


def around(text: str, spot: Spot) -> str:
    """The spot with some text before and after it."""
    before = masked(text[max(0, spot.start - MASKED) : spot.start])
    itself = masked(text[spot.start : spot.end])
    after = masked(text[spot.end : spot.end + MASKED])
    return f"{_cut_left(before, BEFORE)}{_cut(itself, AFTER)}{_cut(after, AFTER)}"


def close_by(text: str, start: int, end: int, characters: int) -> str:
    """The place itself with so many characters before and after it, in which no part of a secret is left."""
    before = masked(text[max(0, start - MASKED) : start])[-characters:]
    after = masked(text[end : end + MASKED])[:characters]
    return f"{before}{text[start:end]}{after}"


def beginning(text: str) -> str:
    """The first characters."""
    return _cut(masked(text[:MASKED]), BEFORE + AFTER)


def outline(row: TrainingRow) -> str:
    """Who says what, one line for each turn."""
    turns = [(message.role, message.content) for message in row.prompt] + [("assistant", row.completion)]
    lines = [f"{role}: {_line(content)}" for role, content in turns[:TURNS]]
    return "\n".join(lines + (["…"] if len(turns) > TURNS else []))


def side_by_side(one: str, other: str) -> tuple[str, str]:
    """Both texts from shortly before the place where they part."""
    at = _first_difference(one, other)
    return around(one, Spot(at, at, "")), around(other, Spot(at, at, ""))


def _first_difference(one: str, other: str) -> int:
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return 0


def _line(content: str) -> str:
    return _cut(masked(" ".join(content[:MASKED].split())), TURN_LENGTH) or "(empty)"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _cut_left(text: str, length: int) -> str:
    return text if len(text) <= length else f"…{text[-length:]}"
