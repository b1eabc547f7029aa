"""The options of `TrainingConfig` as a form, a page and the docs show them: read from the class. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.options import GROUP_TITLES, Group
from finetune_app.jobs.training_config import ALL_LINEAR


class Kind(StrEnum):
    """How an option is asked for."""

    WHOLE = "whole"
    NUMBER = "number"
    SWITCH = "switch"
    CHOICE = "choice"
    MODULES = "modules"


@dataclass(frozen=True)
class Option:
    """One option: its words, its kind and its bounds as a sentence (“From 1 to 512.”, "" without bounds)."""

    name: str
    title: str
    help: str
    group: Group
    simple: bool
    kind: Kind
    default: Any
    choices: tuple[tuple[str, str], ...]
    bounds: str

    def text(self, value: Any) -> str:
        """`value` as a person reads it, e.g. in the facts of a job."""
        if self.kind is Kind.SWITCH:
            return "On" if value else "Off"
        if self.kind is Kind.CHOICE:
            return dict(self.choices).get(value, str(value))
        if self.kind is Kind.MODULES:
            return "All linear layers" if value == ALL_LINEAR else ", ".join(value)
        return "–" if value is None else number_text(value)


def number_text(value: float) -> str:
    """A number as a person would type it: `32`, `0.0002`, `2e-05`."""
    return str(value) if isinstance(value, int) else f"{value:g}"


def _kind(name: str, annotation: Any) -> Kind:
    if name == "target_modules":
        return Kind.MODULES
    if get_origin(annotation) is Literal:
        return Kind.CHOICE
    plain = {kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)}
    return {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER}[plain.pop()]


def _bounds(metadata: list[Any]) -> str:
    low = high = ""
    for bound in metadata:
        match bound:
            case Ge(ge=value):
                low = f"From {_limit(value)}"
            case Gt(gt=value):
                low = f"More than {_limit(value)}"
            case Le(le=value):
                high = f" to {_limit(value)}" if low.startswith("From") else f", at most {_limit(value)}"
            case Lt(lt=value):
                high = f" to less than {_limit(value)}"
            case _:
                pass
    return f"{low}{high}." if low else ""


def _limit(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else number_text(value)


def _option(name: str, info: FieldInfo) -> Option:
    extra = info.json_schema_extra
    if not isinstance(extra, dict):
        raise TypeError(f"declare {name} by option()")
    kind = _kind(name, info.annotation)
    choices: dict[str, str] = extra.get("choices", {})  # type: ignore[assignment]
    return Option(
        name=name,
        title=info.title or name,
        help=info.description or "",
        group=extra["group"],  # type: ignore[arg-type]
        simple=bool(extra["simple"]),
        kind=kind,
        default=info.default,
        choices=tuple(choices.items()),
        bounds=_bounds(info.metadata),
    )


OPTIONS: dict[str, Option] = {
    name: _option(name, info)
    for name, info in SFTOptions.model_fields.items()
    if info.json_schema_extra
    and not isinstance(info.default, dict)
    and (name == "target_modules" or not isinstance(info.default, list))
}


def grouped() -> Iterator[tuple[Group, str, list[Option]]]:
    """Each group's name, title and options, in the order of the class."""
    for group, title in GROUP_TITLES.items():
        yield group, title, [option for option in OPTIONS.values() if option.group == group]
