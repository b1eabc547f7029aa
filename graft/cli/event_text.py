"""The lines of a job in words, and how far it is."""

from typing import Any

from graft.cli.output import plain
from graft.types import Json


def event_text(event: Json) -> str:
    """One event as a line that a terminal can show; of kinds that this client does not know, the kind."""
    return plain(_words(event))


def _words(event: Json) -> str:
    match event:
        case {"type": "log", "level": level, "text": text}:
            return str(text) if level == "info" else f"{level}: {text}"
        case {"type": "phase", "phase": phase, "done": done, "total": total}:
            return f"{phase}: {done} of {total}" if total else f"{phase}…"
        case {"type": "step", "step": step, "total_steps": total}:
            return f"step {step}/{total}  loss {number_text(event.get('loss'))}"
        case {"type": "held_out", "step": step, "rows": rows}:
            return f"held out at step {step}: loss {number_text(event.get('loss'))} on {rows} rows"
        case {"type": "checkpoint", "step": step}:
            return f"checkpoint at step {step} kept"
        case {"type": "evaluation", "rows": rows, "base": base, "tuned": tuned}:
            return f"scores on {rows} held-out rows: base {_score(base)}; tuned {_score(tuned)}"
        case {"type": "error", "code": code}:
            return f"error: {code}: {event.get('detail', '')}".rstrip(": ")
        case {"type": "state", "state": state}:
            return f"{state}: {event.get('text', '')}".rstrip(": ")
        case _:
            return str(event.get("type", "?"))


def number_text(value: Any) -> str:
    """A measure; what was not finite has no number."""
    return "not finite" if value is None else f"{value:.4g}"


def _score(score: Json) -> str:
    found = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in score.items() if value is not None]
    return ", ".join(found) or "not measured"
