"""A row as the checks read it: its parts put together once. Pure."""

from dataclasses import dataclass

import msgspec

from finetune_app.datasets.row_types import Message, ToolCall, ToolMessage, TrainingRow


@dataclass(frozen=True, slots=True)
class RowText:
    """A row's words; calls of tools count as their JSON.

    Attributes:
        whole: everything that is said in the row, in order, each part on a line of its own.
        said: the same without system messages, which many rows share.
        learned: the answer, or the whole text of a plain text row.
    """

    whole: str
    said: str
    learned: str

    @classmethod
    def of(cls, row: TrainingRow) -> "RowText":
        """Put the row's parts together."""
        if row.text:
            return cls(row.text, row.text, row.text)
        learned = _with_calls(row.completion, row.answer_calls)
        answers = [learned, row.rejected] if row.rejected else [learned]
        whole = "\n".join([*map(_said, row.prompt), *answers])
        if all(message.role != "system" for message in row.prompt):
            return cls(whole, whole, learned)
        others = (_said(message) for message in row.prompt if message.role != "system")
        return cls(whole, "\n".join([*others, *answers]), learned)


def _said(message: Message) -> str:
    return _with_calls(message.content, message.tool_calls) if isinstance(message, ToolMessage) else message.content


def _with_calls(content: str, calls: tuple[ToolCall, ...]) -> str:
    if not calls:
        return content
    written = msgspec.json.encode(calls).decode()
    return f"{content}\n{written}" if content else written
