"""Python as text: values and calls as a person would write them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 118


def literal(value: Any) -> str:
    """The value as Python, with double quotes."""
    match value:
        case str():
            text = repr(value)
            return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text
        case list():
            return f"[{', '.join(literal(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
        case _:
            return repr(value)


def imported(module: str, names: Sequence[str]) -> str:
    """The import of these names, one a line where they are many."""
    one_line = f"from {module} import {', '.join(names)}"
    if len(one_line) <= WIDTH:
        return one_line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def call(name: str, options: Mapping[str, str], *, first: Sequence[str] = (), last: str = "", indent: int = 0) -> str:
    """A call with one option a line, or on one line where that is short; the options are Python already.

    Args:
        name: what is called.
        options: the named arguments.
        first: arguments without a name.
        last: what comes after the named ones, e.g. `**more`.
        indent: how deep the line stands on which the call begins.
    """
    given = [*first, *(f"{key}={value}" for key, value in options.items())]
    given += [last] if last else []
    one_line = f"{name}({', '.join(given)})"
    if len(one_line) + 4 * indent < WIDTH // 2 and "\n" not in one_line:
        return one_line
    pad = "    " * (indent + 1)
    return "\n".join([f"{name}(", *(f"{pad}{item}," for item in given), f"{'    ' * indent})"])
