"""What a worker chose and measured, as rows that a person can read. Pure."""

from typing import Any

from finetune_app.jobs.config_options import number_text
from finetune_app.jobs.log_text import facts_text

BIG = 10_000


def readable_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Each fact's name and value: `peak_memory_bytes` becomes “Peak memory” in GiB, nested facts one line."""
    return [_row(name, value) for name, value in facts.items() if value not in (None, "", [], {})]


def _row(name: str, value: Any) -> tuple[str, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and name.endswith("_bytes"):
        return _title(name.removesuffix("_bytes")), f"{value / 2**30:.2f} GiB"
    if number and name == "seconds":
        return "Time in training", f"{value:.1f} s"
    return _title(name), _text(value)


def _title(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if abs(value) >= BIG:
            return f"{value:,}"
        case int() | float():
            return number_text(round(value, 4) if isinstance(value, float) else value)
        case dict():
            return facts_text(value)
        case list():
            return ", ".join(_text(item) for item in value)
        case _:
            return str(value)
