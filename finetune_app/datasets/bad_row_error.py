"""The reason why one row is bad, on its way out of the functions that read it. Pure."""

from collections.abc import Mapping
from typing import Any

SHOWN_CHARACTERS = 40


class RowError(Exception):
    """Why the row cannot be trained on: a stable code and a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def show(value: Any) -> str:
    """A value as a person would name it, never long."""
    match value:
        case str():
            return f"“{value[:SHOWN_CHARACTERS]}{'…' if len(value) > SHOWN_CHARACTERS else ''}”"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return "a number"
