"""The options of a job as a form, made from its method's class: one field for each option, checked by pydantic alone.

What was typed reaches pydantic as text, so the form and REST give the same answers. An emptied field is an error where
empty is no value of its own: it never becomes the default unseen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField
from django.http import QueryDict

from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.config_options import OPTIONS_OF, Kind, Option, grouped, number_text
from finetune_app.jobs.methods import DEFAULT_METHOD, METHODS, load_config
from finetune_app.jobs.option_text import read_names, read_numbers, read_pattern
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig

PREFIX = "config."
AS_THEY_ARE = {Kind.SWITCH, Kind.CHOICE, Kind.MODULES}
USUAL_MODULES = ("q_proj", "v_proj")
LONG_TEXT = 20_000
PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
BLANK = {
    Kind.WHOLE: "Enter a whole number; the default is {}.",
    Kind.NUMBER: "Enter a number; the default is {}.",
}
READ: dict[Kind, Callable[[str], Any]] = {
    Kind.NAMES: read_names,
    Kind.NUMBERS: read_numbers,
    Kind.PATTERN: read_pattern,
}


def _field(option: Option) -> forms.Field:
    help_text = f"{option.help} {option.bounds}".strip()
    words: dict[str, Any] = {"label": option.title, "help_text": help_text, "required": False}
    match option.kind:
        case Kind.SWITCH:
            return forms.BooleanField(**words)
        case Kind.CHOICE:
            return forms.CharField(widget=forms.Select(choices=option.choices), **words)
        case Kind.MODULES:
            return forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, **words)
        case Kind.PATTERN:
            return forms.CharField(widget=forms.Textarea(attrs={"rows": 2, **PLAIN}), max_length=LONG_TEXT, **words)
        case Kind.NAMES | Kind.NUMBERS:
            return forms.CharField(widget=forms.TextInput(attrs=PLAIN), max_length=LONG_TEXT, **words)
        case Kind.WHOLE | Kind.NUMBER:
            # Not type="number": a browser sends nothing at all for “abc”, and what was typed would be lost.
            keyboard = "numeric" if option.kind is Kind.WHOLE else "decimal"
            attributes = {"inputmode": keyboard, "autocomplete": "off", "spellcheck": "false"}
            return forms.CharField(widget=forms.TextInput(attrs=attributes), max_length=40, **words)


def order_modules(names: Sequence[str]) -> list[str]:
    """`names` with the usual ones first, none twice."""
    first = [name for name in USUAL_MODULES if name in names]
    return list(dict.fromkeys([*first, *names]))


def usual_modules(names: Sequence[str]) -> list[str]:
    """What is ticked at first: q_proj and v_proj where the base has them, else its first module."""
    usual = [name for name in USUAL_MODULES if name in names]
    return usual or list(names[:1]) or list(USUAL_MODULES)


def form_values(config: TrainingConfig, modules: Sequence[str]) -> dict[str, Any]:
    """`config` as the values that the form shows; `modules` are those of the chosen base."""
    values: dict[str, Any] = {}
    for option in OPTIONS_OF[config.method].values():
        value = getattr(config, option.name)
        values[option.name] = value if option.kind in AS_THEY_ARE else option.typed(value)
    all_linear = config.target_modules == ALL_LINEAR
    return values | {
        "method": config.method,
        "all_linear": all_linear,
        "target_modules": usual_modules(modules) if all_linear else list(config.target_modules),
        "duration": "epochs" if config.max_steps is None else "steps",
    }


def typed_values(data: QueryDict, method: str) -> dict[str, Any]:
    """What was typed of the options that `method` has too, as the form's values: they outlive a change of method."""
    shown = OPTIONS_OF.get(data.get("shown_method", ""), {})
    values: dict[str, Any] = {}
    for name in shown.keys() & OPTIONS_OF[method].keys():
        match shown[name].kind:
            case Kind.SWITCH:
                values[name] = name in data
            case Kind.MODULES:
                values[name] = data.getlist(name)
            case _ if name in data:
                values[name] = data[name]
    if shown:
        values |= {"all_linear": "all_linear" in data}
        values |= {name: data[name] for name in ("duration", "alpha_by_hand") if name in data}
    return values


def sentences_of(error: UserError) -> dict[str, str]:
    """Each field at fault with its sentence."""
    return error.errors if isinstance(error, InvalidFields) else {error.field: error.message}


@dataclass(frozen=True)
class Section:
    """One group of the form: what shows at once, and what lies under “More options”."""

    name: str
    title: str
    simple: list[BoundField]
    more: list[BoundField]

    @property
    def more_is_open(self) -> bool:
        """An error must not hide."""
        return any(field.errors for field in self.more)

    @property
    def more_titles(self) -> str:
        """What lies under “More options”, in a line."""
        return ", ".join(str(field.label) for field in self.more)


class ConfigForm(forms.Form):
    """Every option of one method. After `is_valid()`, `config` is what was chosen."""

    method = forms.CharField(
        label="Method",
        required=False,
        widget=forms.Select(choices=[(method.name, method.title) for method in METHODS.values()]),
    )
    all_linear = forms.BooleanField(
        label="All linear layers", required=False, help_text="Every linear layer of the base, whatever its name."
    )
    duration = forms.CharField(
        label="Train for",
        required=False,
        initial="epochs",
        widget=forms.RadioSelect(choices=[("epochs", "Epochs"), ("steps", "Steps")]),
    )
    alpha_by_hand = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        modules: Sequence[str] = USUAL_MODULES,
        start: TrainingConfig | None = None,
        typed: Mapping[str, Any] | None = None,
    ) -> None:
        """A form for a base with these `modules`, filled from `start` or bound to `data`, which names its method.

        Without `start` it shows the defaults, with those modules ticked that the base has. `typed` are values (from
        `typed_values`) that stand in the place of those of `start`.
        """
        self.known_modules = order_modules(modules)
        asked = str((data or {}).get("method") or DEFAULT_METHOD)
        name = start.method if start else asked if asked in METHODS else DEFAULT_METHOD
        self.chosen_method = METHODS[name]
        self.start = start or load_config({"method": name, "target_modules": usual_modules(self.known_modules)})
        self.options = OPTIONS_OF[name]
        self.config: TrainingConfig | None = None
        super().__init__(data, initial=form_values(self.start, self.known_modules) | dict(typed or {}))
        self.fields["method"].help_text = self.chosen_method.help
        for option in self.options.values():
            self.fields[option.name] = _field(option)
        # Names that the base lacks stay visible, so that the error beside them can be mended.
        chosen = self["target_modules"].value() or []
        field = self.fields["target_modules"]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = [(name, name) for name in dict.fromkeys([*self.known_modules, *chosen])]

    @property
    def sections(self) -> Iterator[Section]:
        """The groups in order."""
        for name, title, options in grouped(self.chosen_method.name):
            yield Section(
                name,
                title,
                [self[option.name] for option in options if option.simple],
                [self[option.name] for option in options if not option.simple],
            )

    @property
    def alpha_ratio(self) -> float:
        """The ratio of alpha to r that is kept while r changes."""
        if self["alpha_by_hand"].value():
            return float(self.options["lora_alpha"].default / self.options["r"].default)
        try:
            return int(self["lora_alpha"].value()) / int(self["r"].value())
        except (TypeError, ValueError, ZeroDivisionError):
            return self.start.lora_alpha / self.start.r

    def clean(self) -> dict[str, Any]:
        """Hand what was typed to pydantic and put its answers beside the fields."""
        typed = self.cleaned_data
        values: dict[str, Any] = {"method": typed.get("method") or DEFAULT_METHOD}
        by_steps = typed.get("duration") == "steps"
        unused = "num_train_epochs" if by_steps else "max_steps"
        for option in self.options.values():
            value = typed.get(option.name, "")
            if option.name == unused or option.name in self.errors:
                continue
            is_needed = not option.optional or (option.name == "max_steps" and by_steps)
            if option.kind is Kind.MODULES:
                values[option.name] = ALL_LINEAR if typed.get("all_linear") else value
            elif option.kind in READ:
                values[option.name] = READ[option.kind](value)
            elif value == "" and option.kind in BLANK:
                if is_needed:
                    self.add_error(option.name, _blank(option))
            else:
                values[option.name] = value
        try:
            config = parse_config(values, prefix=PREFIX)
        except InvalidFields as error:
            self.add_problem(error)
        else:
            self.config = config
        return typed

    def add_problem(self, error: UserError) -> None:
        """Put the sentences of `error` beside their fields; those of other fields are left to the caller."""
        for field, sentence in sentences_of(error).items():
            name = field.removeprefix(PREFIX)
            if field.startswith(PREFIX):
                self.add_error(name if name in self.fields else None, sentence)


def _blank(option: Option) -> str:
    if option.default is None:
        return "Enter a whole number."
    return BLANK[option.kind].format(number_text(option.default))
