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
    "optimizer",
    "peak_memory_bytes",
    "seconds",
    "tokens",
    "tokens_per_second",
    "trained_tokens_per_epoch",
    "rows",
    "sequences",
    "effective_batch_size",
    "steps",
    "train_loss",
    "final_loss",
    "base_parameters",
    "trainable_parameters",
    "evaluation",
    "libraries",
)


def readable_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Each fact's name and value: `peak_memory_bytes` becomes “Peak memory” in GiB, nested facts one line."""
    rows = _rows(facts, seconds="time in training")
    return [(name[:1].upper() + name[1:], text) for name, text in rows]


def _rows(facts: dict[str, Any], seconds: str) -> list[tuple[str, str]]:
    told = sorted((name for name, value in facts.items() if value not in (None, "", [], {})), key=_place)
    return [_row(name, facts[name], seconds) for name in told]


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER)), name


def _row(name: str, value: Any, seconds: str) -> tuple[str, str]:
    words = name.removesuffix("_bytes").replace("_", " ").strip()
    if isinstance(value, dict):
        return words, ", ".join(f"{part} {text}" for part, text in _rows(value, seconds="time"))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and name.endswith("_bytes"):
        return words, f"{value / 2**30:.2f} GiB"
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
