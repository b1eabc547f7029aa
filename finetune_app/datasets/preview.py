"""Rows as they are kept beside a version to look at: first rows with long texts cut, bad rows with reasons. Pure."""

from collections.abc import Sequence
from typing import Any

from finetune_app.datasets.row_types import BadRow, TrainingRow

SHOWN_CHARACTERS = 2_000
SHOWN_MESSAGES = 20


def preview(row: TrainingRow) -> dict[str, Any]:
    """A training row as JSON: number, prompt (the last messages), completion, text, split; `cut` when it is not all."""
    messages = row.prompt[-SHOWN_MESSAGES:]
    texts = [row.completion, row.text, *(message.content for message in messages)]
    return {
        "number": row.number,
        "prompt": [{"role": message.role, "content": _shown(message.content)} for message in messages],
        "completion": _shown(row.completion),
        "text": _shown(row.text),
        "split": row.split,
        "cut": len(messages) < len(row.prompt) or any(len(text) > SHOWN_CHARACTERS for text in texts),
    }


def bad_row_details(rows: Sequence[BadRow]) -> list[dict[str, Any]]:
    """Bad rows as JSON: `row`, `reason`."""
    return [{"row": row.number, "reason": _without_nul(row.reason)} for row in rows]


def _shown(text: str) -> str:
    return _without_nul(text[:SHOWN_CHARACTERS]) + ("…" if len(text) > SHOWN_CHARACTERS else "")


def _without_nul(text: str) -> str:
    """PostgreSQL stores no NUL."""
    return text.replace("\x00", "␀")
