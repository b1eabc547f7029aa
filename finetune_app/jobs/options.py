"""How an option of a fine-tune is declared: a pydantic field with what the form shows of it. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

Group = Literal["method", "lora", "quantization", "optimization", "batch", "data", "evaluation", "variant", "parts"]
GROUP_TITLES: dict[Group, str] = {
    "method": "What the method takes",
    "lora": "LoRA",
    "quantization": "Quantization",
    "optimization": "Optimization",
    "batch": "Length and batch",
    "data": "Rows and loss",
    "evaluation": "Held-out rows and checkpoints",
    "variant": "LoRA variants",
    "parts": "Single modules, layers and tokens",
}
"""In the order of the form, from what everybody sets to what few do."""


def option(
    default: Any,
    *,
    title: str,
    group: Group,
    help: str,
    simple: bool = False,
    choices: Mapping[str, str] | None = None,
    **bounds: Any,
) -> Any:
    """A pydantic field with what the form shows of it.

    Args:
        default: the value when nothing is said.
        title: the label.
        group: the part of the form.
        help: the help text.
        simple: shown at once; the other options of a group lie under “More options”.
        choices: what a person reads for each value of a `Literal`.
        bounds: pydantic's own (`ge`, `le`, `gt`, `lt`).
    """
    extra: dict[str, Any] = {"group": group, "simple": simple}
    if choices:
        extra["choices"] = dict(choices)
    return Field(default, title=title, description=help, json_schema_extra=extra, **bounds)
