"""Lists of messages in a row, in the names of today and in ShareGPT's, as `Message`s. Pure."""

from collections.abc import Mapping
from typing import Any, cast

from finetune_app.datasets.bad_row_error import RowError, show
from finetune_app.datasets.row_types import ROLES, Message, Role, ToolMessage
from finetune_app.datasets.tool_use import calls_of, lower, result_text, written_calls

OLDER_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "observation": "tool",
    "function_response": "tool",
    "function": "tool",
}
_KNOWN_ROLES = "“system”, “user”, “assistant” or “tool”"
WRITTEN_CALL = "function_call"  # a ShareGPT role whose value is a call as JSON text


def messages_of(value: Any, key: str, *, older: bool | None = False) -> list[Message]:
    """The messages under `key`; `older` for ShareGPT's names, None where either may stand."""
    if not isinstance(value, list):
        raise RowError("wrong_type", f"“{key}” is {show(value)}, not a list of messages.")
    return [
        message_of(item, f"Message {position} of “{key}”", older=older) for position, item in enumerate(value, start=1)
    ]


def message_of(item: Any, where: str, *, older: bool | None = False) -> Message:
    """One message; `where` names it in a sentence."""
    if older is None:
        older = isinstance(item, Mapping) and "from" in item
    role_key, content_key = ("from", "value") if older else ("role", "content")
    if not isinstance(item, Mapping):
        raise RowError("wrong_type", f"{where} is {show(item)}, not an object with “{role_key}” and “{content_key}”.")
    said = _text(item, role_key, where)
    if older and said == WRITTEN_CALL:
        return ToolMessage("assistant", "", written_calls(_text(item, content_key, where), where))
    role = _role(said, where, older=older)
    if role == "tool" and content_key in item:
        return _result(item, content_key)
    if calls := calls_of(item, where):
        if role != "assistant":
            raise RowError("tools", f"{where} calls a tool but is from {show(said)}; only the assistant calls tools.")
        content = "" if item.get(content_key) is None else _text(item, content_key, where)
        return ToolMessage("assistant", content, calls)
    return Message(role, _text(item, content_key, where))


def _role(said: str, where: str, *, older: bool) -> Role:
    role = OLDER_ROLES.get(said, said) if older or said == "function" else said
    if role not in ROLES:
        known = "“human”, “gpt”, “system”, “function_call” or “observation”" if older else _KNOWN_ROLES
        raise RowError("unknown_role", f"{where} is from {show(said)}; a role is {known}.")
    return cast("Role", role)


def _result(item: Mapping[str, Any], content_key: str) -> Message:
    content = result_text(item[content_key])
    call_id, name = (item[key] if isinstance(item.get(key), str) else "" for key in ("tool_call_id", "name"))
    return ToolMessage("tool", content, (), call_id, name) if call_id or name else Message("tool", content)


def _text(item: Mapping[str, Any], key: str, where: str) -> str:
    if key not in item:
        raise RowError("wrong_type", f"{where} has no “{key}”.")
    if not isinstance(item[key], str):
        raise RowError("wrong_type", f"“{key}” in {lower(where)} is {show(item[key])}, not a text.")
    return cast("str", item[key])
