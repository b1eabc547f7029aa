"""Turns that stand in another order than chat templates expect, and turns without words. Pure."""

from finetune_app.datasets.row_types import ToolMessage, TrainingRow

SPEAKERS = ("user", "assistant")


def roles_out_of_order(row: TrainingRow) -> str | None:
    """What is wrong with the order of the turns; None when nothing is.

    The order that chat templates know: a system message at most once and first, then user and assistant in turns,
    user first. What a tool answers may stand between them.
    """
    if not row.prompt:  # a plain text, or a preference pair without a prompt
        return None
    before = ""
    for position, role in enumerate([*(message.role for message in row.prompt), "assistant"], start=1):
        if role == "system":
            if position > 1:
                return f"Message {position} is from the system, which speaks first or not at all."
            continue
        if role in SPEAKERS and role == before:
            return f"Messages {position - 1} and {position} are both from the {role}."
        if role == "assistant" and not before:
            return "The assistant speaks before any user does."
        before = role
    return None


def empty_turn(row: TrainingRow) -> str | None:
    """Which turn has no words; None when all have."""
    for position, message in enumerate(row.prompt, start=1):
        calls = isinstance(message, ToolMessage) and message.tool_calls
        # A tool may well answer nothing, and who calls one need not say anything.
        if message.role != "tool" and not calls and (not message.content or message.content.isspace()):
            return f"Message {position}, from the {message.role}, is empty."
    return None
