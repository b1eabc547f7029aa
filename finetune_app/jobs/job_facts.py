"""What a worker chose and measured, as rows that a person can read. Pure."""

from typing import Any

from finetune_app.jobs.config_options import number_text

BIG = 10_000

# PostgreSQL keeps an object's keys by their length, so the order of reading is said here; what is not named comes last.
ORDER = (
    "device",
    "base_dtype",
    "quantization",
    "compute_dtype",
    "adapter_dtype",
    "mixed_precision",
    "attention",
    "path",
    "kernels",
    "optimizer",
    "processes",
    "peak_memory_bytes",
    "seconds",
    "tokens",
    "trained_tokens_per_epoch",
    "rows",
    "sequences",
    "effective_batch_size",
    "steps",
    "best_step",
    "best_loss",
    "stopped_early_at",
    "train_loss",
    "final_loss",
    "base_parameters",
    "trainable_parameters",
    "evaluation",
    "libraries",
)


WORDS = {"tf32": "TF32", "base_dtype": "base in", "compute_dtype": "computed in", "adapter_dtype": "adapter in"}
WATT_HOUR = 3600.0
MEASURED = frozenset(
    {
        "tokens_per_second",
        "steady_tokens_per_second",
        "predicted_tokens_per_second",
        "achieved_flops_share",
        "peak_flops",
        "peak_memory_bytes",
        "predicted_memory_bytes",
        "energy_joules",
        "energy_from_step",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "gradient_checkpointing",
    }
)
"""What `measured_facts` tells; the rest is told by `readable_facts`."""


def measured_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The honest numbers of a run, each beside what was predicted; what was not measured is left out."""
    rows = (_plan(facts), _speed(facts), _share(facts), _memory(facts), _energy(facts))
    return [row for row in rows if row]


def _plan(facts: dict[str, Any]) -> tuple[str, str] | None:
    rows, times = facts.get("per_device_train_batch_size"), facts.get("gradient_accumulation_steps")
    if rows is None or times is None:
        return None
    again = "with" if facts.get("gradient_checkpointing") else "without"
    return "Chosen plan", f"{rows} × {times} rows a step, {again} checkpointing"


def _speed(facts: dict[str, Any]) -> tuple[str, str] | None:
    """Real tokens, no padding: over the whole training, and after the first steps."""
    whole, steady = facts.get("tokens_per_second"), facts.get("steady_tokens_per_second")
    predicted = facts.get("predicted_tokens_per_second")
    if whole and steady and f"{whole:,.0f}" == f"{steady:,.0f}":
        steady = None
    told = [f"{whole:,.0f} tokens/s" if whole else "", f"{steady:,.0f} once it runs" if steady else ""]
    told.append(f"predicted {predicted:,.0f}{'' if whole or steady else ' tokens/s'}" if predicted else "")
    return ("Speed", ", ".join(text for text in told if text)) if any(told) else None


def _share(facts: dict[str, Any]) -> tuple[str, str] | None:
    share, peak = facts.get("achieved_flops_share"), facts.get("peak_flops")
    if share is None:
        return None
    return "Share of the device's peak", f"{100 * share:.1f}\u00a0%" + (f" of {_flops(peak)}" if peak else "")


def _flops(value: float) -> str:
    return f"{value / 1e12:,.0f} TFLOP/s" if value >= 1e13 else f"{value / 1e9:,.0f} GFLOP/s"  # noqa: PLR2004 - 10 T


def _memory(facts: dict[str, Any]) -> tuple[str, str] | None:
    peak, predicted = facts.get("peak_memory_bytes"), facts.get("predicted_memory_bytes")
    told = [_gib(peak) if peak else "", f"predicted {_gib(predicted)}" if predicted else ""]
    return ("Peak memory", ", ".join(text for text in told if text)) if any(told) else None


def _energy(facts: dict[str, Any]) -> tuple[str, str] | None:
    joules, step = facts.get("energy_joules"), facts.get("energy_from_step")
    if joules is None:
        return None
    return "Energy", f"{joules / WATT_HOUR:,.3g} Wh" + (f", from step {step} on" if step else "")


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"


def readable_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Each fact's name and value but the measured ones: bytes in GiB, nested facts one line."""
    rows = _rows({name: value for name, value in facts.items() if name not in MEASURED}, seconds="time in training")
    return [(name[:1].upper() + name[1:], text) for name, text in rows]


def _rows(facts: dict[str, Any], seconds: str) -> list[tuple[str, str]]:
    told = sorted((name for name, value in facts.items() if value not in (None, "", [], {})), key=_place)
    return [_row(name, facts[name], seconds) for name in told]


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER)), name


def _row(name: str, value: Any, seconds: str) -> tuple[str, str]:
    words = WORDS.get(name, name.removesuffix("_bytes").replace("_", " ").strip())
    if isinstance(value, dict):
        return words, ", ".join(f"{part} {text}" for part, text in _rows(value, seconds="time"))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and name.endswith("_bytes"):
        return words, _gib(value)
    if number and name == "seconds":
        return seconds, f"{value:.1f} s"
    return words, _text(value)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if abs(value) >= BIG:
            return f"{value:,}"
        case int() | float():
            return number_text(round(value, 4) if isinstance(value, float) else value)
        case list():
            return ", ".join(_text(item) for item in value)
        case _:
            return str(value)
