"""From what a person or a REST client typed to a `TrainingConfig`, with one sentence for each wrong field. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from finetune_app.errors import InvalidFields
from finetune_app.jobs.methods import load_config
from finetune_app.jobs.training_config import TrainingConfig


def parse_config(values: Mapping[str, Any], *, prefix: str = "config.") -> TrainingConfig:
    """The config in `values`; what is not named gets its default.

    Raises:
        InvalidFields: `prefix` + option → its sentence.
    """
    try:
        return load_config(values)
    except ValidationError as error:
        raise InvalidFields(sentences_in(error, prefix)) from None


def sentences_in(error: ValidationError, prefix: str) -> dict[str, str]:
    """`prefix` + option → its sentence, for each option that pydantic found wrong."""
    sentences: dict[str, str] = {}
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else "config"
        sentences.setdefault(f"{prefix}{name}", f"{_place(item)}{_sentence(item)}")
    return sentences


def _place(item: ErrorDetails) -> str:
    """In a pattern, the name whose value is wrong."""
    match item["loc"]:
        case ("rank_pattern" | "alpha_pattern", str(name), *_):
            return f"{name}: "
        case _:
            return ""


def _sentence(item: ErrorDetails) -> str:
    kind, limits, given = item["type"], item.get("ctx", {}), item.get("input")
    bounds = {
        "greater_than_equal": ("ge", "Must be {} or more."),
        "less_than_equal": ("le", "Must be {} or less."),
        "greater_than": ("gt", "Must be more than {}."),
        "less_than": ("lt", "Must be less than {}."),
    }
    if kind in bounds:
        key, text = bounds[kind]
        return text.format(f"{limits[key]:g}")
    if kind == "extra_forbidden":
        return "There is no such option."
    if kind in {"int_parsing", "int_type", "int_from_float"}:
        return f"“{given}” is not a whole number."
    if kind in {"float_parsing", "float_type", "finite_number"}:
        return f"“{given}” is not a number."
    if kind in {"bool_parsing", "bool_type"}:
        return f"“{given}” is neither true nor false."
    if kind == "literal_error" and len(item["loc"]) == 1:
        return f"“{given}” is not one of {limits['expected']}."
    if item["loc"] and item["loc"][0] == "target_modules" and kind != "value_error":
        return "Choose at least one module, or “all-linear”."
    return item["msg"].removeprefix("Value error, ").rstrip(".") + "."
