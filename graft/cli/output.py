"""What commands print: JSON for programs, or aligned columns and short figures for people."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import typer

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
STEP = 1024
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def print_json(value: Any) -> None:
    """One document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_json_line(value: Any) -> None:
    """One line of many."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Columns as wide as they need to be; `empty` says what to do when there are no rows."""
    found = [[_text(cell) for cell in row] for row in rows]
    if not found:
        typer.echo(empty, err=True)
        return
    table = [list(heads), *found]
    widths = [max(len(row[index]) for row in table) for index in range(len(heads))]
    for row in table:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: dict[str, Any]) -> None:
    """A name and a value a line; what is not known is left out."""
    known = {name: _text(value) for name, value in facts.items() if value is not None and value != ""}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        typer.echo(f"{name.ljust(width)}  {value}")


def size_text(size: int | None) -> str:
    """Bytes for people: `12.5 MiB`."""
    if size is None:
        return ""
    value, unit = float(size), 0
    while value >= STEP and unit < len(UNITS) - 1:
        value, unit = value / STEP, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit else f"{size} B"


def moment_text(moment: str | None) -> str:
    """A time of REST in the reader's own time zone, to the minute."""
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


def score_text(scores: dict[str, Any] | None) -> str:
    """The most telling measure of the tuned model: `exact match 96.7%`."""
    tuned = (scores or {}).get("tuned") or {}
    for name in ("exact_match", "pair_accuracy", "token_accuracy"):
        if tuned.get(name) is not None:
            return f"{name.replace('_', ' ')} {tuned[name]:.1%}"
    loss = tuned.get("loss")
    return "" if loss is None else f"loss {loss:.3f}"


def plain(text: str) -> str:
    """Without characters that could move a terminal's cursor or change its colours: models and files say anything."""
    return _CONTROL.sub("\ufffd", text)


def _text(value: Any) -> str:
    return "" if value is None else plain(str(value))
