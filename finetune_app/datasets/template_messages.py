"""A training row as the lists of dicts that a chat template takes: the one place where rows become messages. Pure."""

from typing import Any

from finetune_app.datasets.row_types import TrainingRow

TemplateMessage = dict[str, Any]


def prompt_messages(row: TrainingRow) -> list[TemplateMessage]:
    """All that stands before the answer."""
    return [{"role": message.role, "content": message.content} for message in row.prompt]


def answer_messages(row: TrainingRow) -> list[TemplateMessage]:
    """The answer that is learned."""
    return [{"role": "assistant", "content": row.completion}]
