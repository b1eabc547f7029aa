"""Options and measured facts as lines of text, for pages and model cards. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def option_lines(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each option by its own name, nested ones dotted, its value as in a config file: `("r", "32")`."""
    return list(_lines(options, ""))


def _lines(options: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in options.items():
        if isinstance(value, dict) and value:
            yield from _lines(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
