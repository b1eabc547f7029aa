"""A training row as the lists of dicts that a chat template takes: the one place where rows become messages. Pure."""

from typing import Any

from finetune_app.datasets.row_types import Message, Tool, ToolMessage, TrainingRow

TemplateMessage = dict[str, Any]


def prompt_messages(row: TrainingRow) -> list[TemplateMessage]:
    """All that stands before the answer."""
    return [_as_dict(message) for message in row.prompt]


def answer_messages(row: TrainingRow) -> list[TemplateMessage]:
    """The answer that is learned, with the tools that it calls."""
    message: TemplateMessage = {"role": "assistant", "content": row.completion}
    if row.answer_calls:
        message["tool_calls"] = list(row.answer_calls)
    return [message]


def template_tools(row: TrainingRow) -> list[Tool] | None:
    """The tools that the row offers, for the template's argument of that name; None without any."""
    return list(row.tools) or None


def _as_dict(message: Message) -> TemplateMessage:
    found: TemplateMessage = {"role": message.role, "content": message.content}
    if isinstance(message, ToolMessage):
        if message.tool_calls:
            found["tool_calls"] = list(message.tool_calls)
        if message.tool_call_id:
            found["tool_call_id"] = message.tool_call_id
        if message.name:
            found["name"] = message.name
    return found
