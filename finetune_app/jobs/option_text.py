"""Lists and patterns as a person types them, and back: “lm_head, embed_tokens”, “0-7, 12”, “down_proj = 8”. Pure.

What cannot be read is passed on as it stands, so that whoever checks the option says what is wrong with it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

LARGEST_RANGE = 10_000  # numbers that one “a-b” may stand for
RANGE = re.compile(r"(\d{1,9})\s*[-–]\s*(\d{1,9})")


def names_text(names: Iterable[str]) -> str:
    """`["lm_head", "embed_tokens"]` → “lm_head, embed_tokens”."""
    return ", ".join(names)


def read_names(text: str) -> list[str]:
    """“lm_head, embed_tokens” → `["lm_head", "embed_tokens"]`; spaces and lines part names as well."""
    return [name for name in re.split(r"[,\s]+", text) if name]


def numbers_text(numbers: Iterable[int]) -> str:
    """`[0, 1, 2, 5]` → “0-2, 5”."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def read_numbers(text: str) -> list[Any]:
    """“0-2, 5” → `[0, 1, 2, 5]`; a part that is no number stays text."""
    numbers: list[Any] = []
    for part in (part.strip() for part in re.split(r"[,\n;]", text)):
        found = RANGE.fullmatch(part)
        if found and 0 <= int(found[2]) - int(found[1]) < LARGEST_RANGE:
            numbers += range(int(found[1]), int(found[2]) + 1)
        elif part:
            numbers.append(part)
    return numbers


def pattern_text(pattern: Mapping[str, float]) -> str:
    """`{"down_proj": 8}` → “down_proj = 8”, one on each line."""
    return "\n".join(f"{name} = {value}" for name, value in sorted(pattern.items()))


def read_pattern(text: str) -> dict[str, str]:
    """“down_proj = 8”, one on each line → `{"down_proj": "8"}`; `:` does for `=`, a line without either gives ""."""
    pattern: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in re.split(r"[\n;]", text))):
        name, _, value = line.replace(":", "=", 1).partition("=")
        pattern[name.strip()] = value.strip()
    return pattern
