"""One decoded row of any form becomes a training row, or a bad row with the reason. Pure."""

from collections.abc import Mapping
from typing import Any, cast

from finetune_app.datasets.row_types import ROLES, BadRow, Message, Role, RowForm, Split, TrainingRow

# The key that tells a form; where a row has several, the first form counts.
MARKS: dict[RowForm, str] = {
    RowForm.CHAT: "messages",
    RowForm.SHAREGPT: "conversations",
    RowForm.INSTRUCTION: "instruction",
    RowForm.PROMPT_COMPLETION: "prompt",
    RowForm.TEXT: "text",
}
SHAREGPT_ROLES = {"human": "user", "gpt": "assistant"}
SHOWN_CHARACTERS = 40


class _Bad(Exception):
    """Why the row cannot be trained on."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def form_of(value: Any) -> RowForm | None:
    """The form of a decoded row, None when it has none that Graft knows."""
    if not isinstance(value, Mapping):
        return None
    return next((form for form, mark in MARKS.items() if mark in value), None)


def normalise(number: int, value: Any, form: RowForm | None) -> TrainingRow | BadRow:
    """Row `number` as training row; `form` is that of the file, None while no row before had one."""
    try:
        row, known = _check_form(value, form)
        return _READERS[known](number, row, _split(row))
    except _Bad as bad:
        return BadRow(number, bad.reason, bad.code)


def _check_form(value: Any, form: RowForm | None) -> tuple[Mapping[str, Any], RowForm]:
    if not isinstance(value, Mapping):
        raise _Bad("not_an_object", f"The row is {_show(value)}, not an object with keys.")
    if form is not None and MARKS[form] in value:
        return value, form
    own = form_of(value)
    if own is None:
        keys = ", ".join(_show(key) for key in list(value)[:8]) or "no keys at all"
        marks = ", ".join(f"“{mark}”" for mark in MARKS.values())
        raise _Bad("unknown_form", f"The row has none of the keys {marks}; it has {keys}.")
    raise _Bad("other_form", f"The row has the form “{own}”, but the file's first row has the form “{form}”.")


def _messages_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    messages = _messages(row["messages"], "messages", role_key="role", content_key="content")
    return _conversation(number, row, messages, split)


def _sharegpt_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    messages = _messages(row["conversations"], "conversations", role_key="from", content_key="value")
    return _conversation(number, row, messages, split)


def _instruction_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    question = [_string(row, "instruction"), _string(row, "input", optional=True)]
    prompt = _history(row)
    prompt.append(Message("user", "\n\n".join(part for part in question if part.strip())))
    return _pair(number, row, prompt, _answer(row, "output"), split)


def _prompt_completion_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    prompt = (
        _messages(row["prompt"], "prompt", role_key="role", content_key="content")
        if isinstance(row["prompt"], list)
        else [Message("user", _string(row, "prompt"))]
    )
    if not isinstance(row.get("completion"), list):
        return _pair(number, row, prompt, _answer(row, "completion"), split)
    answer = _messages(row["completion"], "completion", role_key="role", content_key="content")
    if len(answer) != 1:
        raise _Bad("no_answer", f"“completion” must hold exactly one message, the answer; it holds {len(answer)}.")
    return _conversation(number, row, prompt + answer, split)


def _text_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    text = _string(row, "text")
    if not text.strip():
        raise _Bad("empty_text", "“text” is empty.")
    return TrainingRow(number, [], "", text, split)


_READERS = {
    RowForm.CHAT: _messages_row,
    RowForm.SHAREGPT: _sharegpt_row,
    RowForm.INSTRUCTION: _instruction_row,
    RowForm.PROMPT_COMPLETION: _prompt_completion_row,
    RowForm.TEXT: _text_row,
}


def _conversation(number: int, row: Mapping[str, Any], messages: list[Message], split: Split | None) -> TrainingRow:
    if not messages:
        raise _Bad("no_answer", f"The row has no messages, so there is no answer to learn.{_preference(row)}")
    last = messages[-1]
    if last.role != "assistant":
        raise _Bad(
            "no_answer",
            f"The last message is from “{last.role}”, not from the assistant, so there is no answer to learn."
            f"{_preference(row)}",
        )
    if not last.content.strip():
        raise _Bad("no_answer", "The last message, the answer, is empty.")
    return _pair(number, row, messages[:-1], last.content, split)


def _pair(
    number: int, row: Mapping[str, Any], prompt: list[Message], completion: str, split: Split | None
) -> TrainingRow:
    if row.get("tools"):
        raise _Bad("tools", "The row has “tools”; Graft does not train tool calls.")
    if not any(message.content.strip() for message in prompt):
        raise _Bad("no_prompt", "There is nothing before the answer.")
    system = _string(row, "system", optional=True)
    if system.strip() and prompt[0].role != "system":
        prompt = [Message("system", system), *prompt]
    return TrainingRow(number, prompt, completion, "", split)


def _messages(value: Any, key: str, *, role_key: str, content_key: str) -> list[Message]:
    if not isinstance(value, list):
        raise _Bad("wrong_type", f"“{key}” is {_show(value)}, not a list of messages.")
    return [
        _message(item, f"Message {position} of “{key}”", role_key, content_key)
        for position, item in enumerate(value, start=1)
    ]


def _message(item: Any, where: str, role_key: str, content_key: str) -> Message:
    if not isinstance(item, Mapping):
        raise _Bad("wrong_type", f"{where} is {_show(item)}, not an object with “{role_key}” and “{content_key}”.")
    if item.get("tool_calls") or item.get("function_call"):
        raise _Bad("tools", f"{where} calls a tool; Graft does not train tool calls.")
    for key in (role_key, content_key):
        if key not in item:
            raise _Bad("wrong_type", f"{where} has no “{key}”.")
        if not isinstance(item[key], str):
            raise _Bad("wrong_type", f"“{key}” in {where[0].lower()}{where[1:]} is {_show(item[key])}, not a text.")
    role = item[role_key]
    if role_key == "from":
        role = SHAREGPT_ROLES.get(role, role)
    if role not in ROLES:
        known = "“human”, “gpt” or “system”" if role_key == "from" else "“system”, “user” or “assistant”"
        raise _Bad("unknown_role", f"{where} is from {_show(item[role_key])}; a role is {known}.")
    return Message(cast("Role", role), item[content_key])


def _history(row: Mapping[str, Any]) -> list[Message]:
    """Earlier turns of an instruction row: `history`, a list of [question, answer]."""
    turns = row.get("history") or []
    if not isinstance(turns, list):
        raise _Bad("wrong_type", f"“history” is {_show(turns)}, not a list of [question, answer].")
    messages: list[Message] = []
    for position, turn in enumerate(turns, start=1):
        match turn:
            case [str(question), str(answer)]:
                messages += [Message("user", question), Message("assistant", answer)]
            case _:
                raise _Bad("wrong_type", f"Turn {position} of “history” is not [question, answer], two texts.")
    return messages


def _answer(row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        raise _Bad("no_answer", f"“{key}” is missing, so there is no answer to learn.{_preference(row)}")
    answer = _string(row, key)
    if not answer.strip():
        raise _Bad("no_answer", f"“{key}” is empty, so there is no answer to learn.")
    return answer


def _string(row: Mapping[str, Any], key: str, *, optional: bool = False) -> str:
    value = row.get(key)
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        raise _Bad("wrong_type", f"“{key}” is {_show(value)}, not a text.")
    return value


def _split(row: Mapping[str, Any]) -> Split | None:
    value = row.get("split")
    if value is None:
        return None
    try:
        return Split(value)
    except ValueError:
        raise _Bad("unknown_split", f"“split” is {_show(value)}; it must be “train” or “held_out”.") from None


def _preference(row: Mapping[str, Any]) -> str:
    return " Rows with “chosen” and “rejected” answers are not supported." if "chosen" in row else ""


def _show(value: Any) -> str:
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
