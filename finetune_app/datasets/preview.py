"""Rows as they are kept beside a version to look at: first rows with long texts cut, bad rows with reasons. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from finetune_app.datasets.row_types import BadRow, Message, Tool, ToolCall, ToolMessage, TrainingRow

SHOWN_CHARACTERS = 2_000
SHOWN_MESSAGES = 20
SHOWN_TOOLS = 20


def preview(row: TrainingRow) -> dict[str, Any]:
    """A training row as JSON: number, prompt (the last messages), completion, text, split; `cut` when it is not all.

    Only where they are there: `calls` (of the answer, and of a message in the prompt), `name` (of a message: the tool
    whose result it is), `tools` (their names), `rejected`, `label`.
    """
    messages = row.prompt[-SHOWN_MESSAGES:]
    texts = [row.completion, row.text, row.rejected, *(message.content for message in messages)]
    calls = [*_calls(row.answer_calls), *(call for message in messages for call in _calls(_tool_calls(message)))]
    long = any(len(text) > SHOWN_CHARACTERS for text in texts + [call["arguments"] for call in calls])
    found: dict[str, Any] = {
        "number": row.number,
        "prompt": [_message(message) for message in messages],
        "completion": _shown(row.completion),
        "text": _shown(row.text),
        "split": row.split,
        "cut": len(messages) < len(row.prompt) or len(row.tools) > SHOWN_TOOLS or long,
    }
    if row.answer_calls:
        found["calls"] = _cut(_calls(row.answer_calls))
    if row.tools:
        found["tools"] = [_tool_name(tool) for tool in row.tools[:SHOWN_TOOLS]]
    if row.rejected:
        found["rejected"] = _shown(row.rejected)
    if row.label is not None:
        found["label"] = row.label
    return found


def bad_row_details(rows: Sequence[BadRow]) -> list[dict[str, Any]]:
    """Bad rows as JSON: `row`, `reason`, `text` (their raw text, cut) and, of several files, `file`."""
    return [
        {"row": row.number, "reason": _without_nul(row.reason), "text": _without_nul(row.text)}
        | ({"file": _without_nul(row.file)} if row.file else {})
        for row in rows
    ]


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": _shown(message.content)}
    if calls := _calls(_tool_calls(message)):
        found["calls"] = _cut(calls)
    if isinstance(message, ToolMessage) and message.name:
        found["name"] = _shown(message.name)
    return found


def _tool_calls(message: Message) -> tuple[ToolCall, ...]:
    return message.tool_calls if isinstance(message, ToolMessage) else ()


def _calls(calls: Sequence[ToolCall]) -> list[dict[str, str]]:
    """Each as `name` and `arguments`, these as JSON text."""
    functions = [call["function"] for call in calls]
    return [
        {"name": function["name"], "arguments": msgspec.json.encode(function["arguments"]).decode()}
        for function in functions
    ]


def _cut(calls: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"name": _shown(call["name"]), "arguments": _shown(call["arguments"])} for call in calls]


def _tool_name(tool: Tool) -> str:
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else tool.get("name")
    return _shown(name) if isinstance(name, str) else "a tool without a name"


def _shown(text: str) -> str:
    return _without_nul(text[:SHOWN_CHARACTERS]) + ("…" if len(text) > SHOWN_CHARACTERS else "")


def _without_nul(text: str) -> str:
    """PostgreSQL stores no NUL."""
    return text.replace("\x00", "␀")
