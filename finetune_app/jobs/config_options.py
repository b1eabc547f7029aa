"""The options of a method as a form, a page and the docs show them: read from its class. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from finetune_app.jobs.methods import DEFAULT_METHOD, METHODS
from finetune_app.jobs.option_text import names_text, numbers_text, pattern_text
from finetune_app.jobs.options import GROUP_TITLES, Group
from finetune_app.jobs.training_config import ALL_LINEAR


class Kind(StrEnum):
    """How an option is asked for."""

    WHOLE = "whole"
    NUMBER = "number"
    SWITCH = "switch"
    CHOICE = "choice"
    MODULES = "modules"
    NAMES = "names"
    NUMBERS = "numbers"
    PATTERN = "pattern"


@dataclass(frozen=True)
class Option:
    """One option: its words, its kind and its bounds as a sentence (“From 1 to 512.”, "" without bounds).

    Attributes:
        optional: it may be left empty, which is a value of its own.
    """

    name: str
    title: str
    help: str
    group: Group
    simple: bool
    kind: Kind
    default: Any
    choices: tuple[tuple[str, str], ...]
    bounds: str
    optional: bool

    def text(self, value: Any) -> str:
        """`value` as a person reads it, e.g. in the facts of a job."""
        match self.kind:
            case Kind.SWITCH:
                return "On" if value else "Off"
            case Kind.CHOICE:
                return dict(self.choices).get(value, str(value))
            case Kind.MODULES:
                return "All linear layers" if value == ALL_LINEAR else ", ".join(value)
            case _:
                return self.typed(value) or "–"

    def typed(self, value: Any) -> str:
        """`value` as a person would type it."""
        match self.kind:
            case Kind.NAMES:
                return names_text(value)
            case Kind.NUMBERS:
                return numbers_text(value)
            case Kind.PATTERN:
                return pattern_text(value)
            case _:
                return "" if value is None else number_text(value)


def number_text(value: float) -> str:
    """A number as a person would type it: `32`, `0.0002`, `2e-05`."""
    return str(value) if isinstance(value, int) else f"{value:g}"


def _kind(name: str, annotation: Any) -> Kind:
    if name == "target_modules":
        return Kind.MODULES
    origin = get_origin(annotation)
    if origin is Literal:
        return Kind.CHOICE
    if origin is dict:
        return Kind.PATTERN
    if origin is list:
        return Kind.NAMES if get_args(annotation) == (str,) else Kind.NUMBERS
    plain = {kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType}
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
    named: dict[str, str] = extra.get("choices", {})  # type: ignore[assignment]
    values = get_args(info.annotation) if kind is Kind.CHOICE else ()
    return Option(
        name=name,
        title=info.title or name,
        help=info.description or "",
        group=extra["group"],  # type: ignore[arg-type]
        simple=bool(extra["simple"]),
        kind=kind,
        default=info.get_default(call_default_factory=True),
        choices=tuple((value, named.get(value, value)) for value in values),
        bounds=_bounds(info.metadata),
        optional=NoneType in get_args(info.annotation) or kind in {Kind.NAMES, Kind.NUMBERS, Kind.PATTERN},
    )


def _options(method: str) -> dict[str, Option]:
    fields = METHODS[method].options.model_fields.items()
    return {name: _option(name, info) for name, info in fields if name != "method"}


OPTIONS_OF: dict[str, dict[str, Option]] = {method: _options(method) for method in METHODS}
"""Each method's options by name, in the order of its class."""

OPTIONS: dict[str, Option] = {}
"""Every option of any method; of a name that several have, the default method's."""
for options in (OPTIONS_OF[DEFAULT_METHOD], *OPTIONS_OF.values()):
    OPTIONS |= {name: option for name, option in options.items() if name not in OPTIONS}


def grouped(method: str = DEFAULT_METHOD) -> Iterator[tuple[Group, str, list[Option]]]:
    """Each group's name, title and options of the method, in the order of its class; empty groups are left out."""
    for group, title in GROUP_TITLES.items():
        if found := [option for option in OPTIONS_OF[method].values() if option.group == group]:
            yield group, title, found
