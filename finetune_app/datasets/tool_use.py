"""Tools in a row: schemas, calls and results, in the one shape that chat templates take. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from finetune_app.datasets.bad_row_error import RowError, show
from finetune_app.datasets.row_types import Tool, ToolCall

CODE = "tools"


def tools_of(row: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The tools that the row offers: a list of JSON schemas, or that list as JSON text."""
    value = row.get("tools")
    if isinstance(value, str) and value.strip():
        value = from_json(value, "“tools”")
    if not value or (isinstance(value, str) and not value.strip()):
        return ()
    if not isinstance(value, list):
        raise RowError(CODE, f"“tools” is {show(value)}, not a list of JSON schemas.")
    for position, tool in enumerate(value, start=1):
        if not isinstance(tool, dict):
            raise RowError(CODE, f"Tool {position} of “tools” is {show(tool)}, not a JSON schema.")
    return tuple(value)


def calls_of(item: Mapping[str, Any], where: str) -> tuple[ToolCall, ...]:
    """The calls of an assistant's message: `tool_calls`, or the older `function_call`."""
    calls = item.get("tool_calls") or item.get("function_call")
    if not calls:
        return ()
    if isinstance(calls, str):
        calls = from_json(calls, f"“tool_calls” in {lower(where)}")
    if not isinstance(calls, list):
        calls = [calls]
    return tuple(call_of(call, where) for call in calls)


def call_of(value: Any, where: str) -> ToolCall:
    """One call as {"type", "id"?, "function": {"name", "arguments"}}; arguments may come as JSON text."""
    if not isinstance(value, Mapping):
        raise RowError(CODE, f"{where} calls {show(value)}, not an object with “name” and “arguments”.")
    function = value.get("function", value)
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str) or not name:
        raise RowError(CODE, f"{where} calls a tool without a “name”.")
    arguments = function.get("arguments")
    if arguments is None or arguments == "":
        arguments = {}
    if isinstance(arguments, str):
        arguments = from_json(arguments, f"The “arguments” of {show(name)}")
    if not isinstance(arguments, dict):
        raise RowError(CODE, f"{where} calls {show(name)} with {show(arguments)}; “arguments” must be an object.")
    call: ToolCall = {"type": "function", "function": {"name": name, "arguments": arguments}}
    if isinstance(value.get("id"), str):
        call["id"] = value["id"]
    return call


def written_calls(value: str, where: str) -> tuple[ToolCall, ...]:
    """ShareGPT's `function_call`: one call, or a list of them, as JSON text."""
    found = from_json(value, where)
    return tuple(call_of(call, where) for call in (found if isinstance(found, list) else [found]))


def result_text(value: Any) -> str:
    """A tool's result as text; what is not text is written as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def from_json(text: str, what: str) -> Any:
    """The value that JSON text within a row stands for."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise RowError(CODE, f"{what} holds {show(text)}, which is not JSON.") from None


def lower(where: str) -> str:
    """`where` in the middle of a sentence."""
    return where[0].lower() + where[1:]
