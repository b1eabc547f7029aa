"""The log of a job as plain text: one line for each record, of every kind. Pure.

`job-live.js` shows the same words on the page.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from finetune_app.jobs.events import (
    CheckpointEvent,
    DoneEvent,
    ErrorEvent,
    EvaluationEvent,
    Event,
    HeldOutEvent,
    LogEvent,
    PhaseEvent,
    PlanEvent,
    Record,
    Score,
    StateEvent,
    StepEvent,
)


def log_text(records: Iterable[Record]) -> Iterator[str]:
    """The lines of `records`, each with its newline; a heading goes before every attempt but the first."""
    attempt = 1
    for record in records:
        if record.attempt != attempt:
            attempt = record.attempt
            yield f"——— attempt {attempt} ———\n"
        moment = datetime.fromtimestamp(record.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield f"{moment} [{record.number}] {event_text(record.event)}\n"


def event_text(event: Event) -> str:
    """One event as a line for people, without the newline."""
    match event:
        case LogEvent(level=level, text=text):
            return text if level == "info" else f"{level}: {text}"
        case PhaseEvent(phase=phase, done=done, total=total):
            return f"{phase}: {done} of {total}" if total else f"{phase}…"
        case PlanEvent(facts=facts) | DoneEvent(facts=facts):
            return f"{event.type}: {facts_text(facts)}".rstrip(": ")
        case StepEvent():
            return (
                f"step {event.step}/{event.total_steps}  loss {_number(event.loss)}  "
                f"lr {event.learning_rate:.4g}  grad {_number(event.grad_norm)}  {event.tokens} tokens"
            )
        case HeldOutEvent(step=step, rows=rows, loss=loss, token_accuracy=accuracy, best=best):
            found = f"held out at step {step}: loss {_number(loss)}, token accuracy {_number(accuracy)} on {rows} rows"
            return f"{found}, the best so far" if best else found
        case CheckpointEvent(step=step):
            return f"checkpoint at step {step} kept"
        case EvaluationEvent(rows=rows, base=base, tuned=tuned):
            return f"scores on {rows} held-out rows: base {_score(base)}; tuned {_score(tuned)}"
        case ErrorEvent(code=code, detail=detail):
            return f"error: {code}: {detail}" if detail else f"error: {code}"
        case StateEvent(state=state, text=text):
            return f"{state}: {text}" if text else str(state)


def facts_text(facts: dict[str, Any]) -> str:
    """`name value, name value`, nested facts in round brackets."""
    parts = [
        f"{name} ({facts_text(value)})" if isinstance(value, dict) else f"{name} {value}"
        for name, value in facts.items()
    ]
    return ", ".join(parts)


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"


def _score(score: Score) -> str:
    figures = {
        "exact match": (score.exact_match, ".1%"),
        "right preferences": (score.pair_accuracy, ".1%"),
        "loss": (score.loss, ".3f"),
        "token accuracy": (score.token_accuracy, ".1%"),
    }
    found = [f"{name} {value:{how}}" for name, (value, how) in figures.items() if value is not None]
    return ", ".join(found) or "not measured"
