"""The scores in a lineage, made ready for people. Pure; a lineage is frozen, so what is missing stays missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class ScoreLine:
    """One measure before (the base) and after (the tuned model): shares as percent, loss in nats per token."""

    name: str
    before: str
    after: str


def _percent(value: float) -> str:
    return f"{value * 100:.1f}".removesuffix(".0") + " %"


def _nats(value: float) -> str:
    return f"{value:.3f}"


MEASURES = (
    ("exact_match", "Exact match", _percent),
    ("pair_accuracy", "Preferences the right way round", _percent),
    ("token_accuracy", "Token accuracy", _percent),
    ("loss", "Loss", _nats),
)


def headline(scores: Mapping[str, Any] | None) -> tuple[str, float] | None:
    """The most telling measure that was taken of the tuned model, by its key, and its value."""
    tuned = (scores or {}).get("tuned") or {}
    found = ((key, tuned.get(key)) for key, _, _ in MEASURES)
    return next(((key, float(value)) for key, value in found if value is not None and isfinite(value)), None)


def score_text(key: str, value: float) -> str:
    """A value of the measure `key` for people."""
    return next((write(value) for name, _, write in MEASURES if name == key), f"{value:g}")


def score_lines(scores: Mapping[str, Any] | None) -> list[ScoreLine]:
    """Every measure that was taken of the tuned model, the most telling one first."""
    if not scores:
        return []
    base, tuned = scores.get("base") or {}, scores.get("tuned") or {}
    return [
        ScoreLine(name, write(base[key]) if base.get(key) is not None else "–", write(tuned[key]))
        for key, name, write in MEASURES
        if tuned.get(key) is not None
    ]
