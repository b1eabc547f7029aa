"""The form “Make a version”: its fields become a `Derivation`, and what is wrong stands beside the field."""

import re
from typing import Any

from django import forms
from pydantic import ValidationError

from finetune_app.datasets.derivation import Derivation
from finetune_app.names import NAME_HELP

SPLIT_CHOICES = [
    ("", "Any"),
    ("train", "Marked “train”"),
    ("held_out", "Marked “held_out”"),
    ("none", "Without a split"),
]
SIZE_CHOICES = [("", "Keep all rows"), ("n", "Keep a number of rows"), ("share", "Keep a share of the rows")]
PART_CHOICES = [
    ("", "Leave the rows as they are"),
    ("share", "By a share, drawn by chance"),
    ("column", "By the values of a column"),
]
SEED_HELP = "The same seed gives the same rows again."
SEPARATORS = re.compile(r"[,\s]+")
# Where the derivation says that something is wrong, and the field that it stands in.
FIELDS = {
    "where.contains": "contains",
    "where.min_characters": "min_characters",
    "where.max_characters": "max_characters",
    "where.min_messages": "min_messages",
    "where.max_messages": "max_messages",
    "where": "min_characters",
    "sample.n": "sample_n",
    "sample.share": "sample_percent",
    "sample": "sample",
    "shuffle.seed": "seed",
    "sample.seed": "seed",
    "split.seed": "seed",
    "split.share": "split_percent",
    "split.column": "column",
    "split.held_out": "held_out",
    "split": "split_rows",
    "also": "also",
    "into": "into",
}


def _percent(label: str, initial: float) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        required=False,
        initial=initial,
        min_value=0.001,
        max_value=99.999,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )


def _count(label: str, **more: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=2**31 - 1, **more)


def _text(label: str, help_text: str, **more: Any) -> forms.CharField:
    attrs = {"autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(
        label=label, help_text=help_text, required=False, widget=forms.TextInput(attrs=attrs), **more
    )


class DeriveForm(forms.Form):
    """The steps, in the order in which they are applied."""

    also = _text(
        "Also the rows of",
        "Versions of the same form whose rows follow, like “other, third@2”. A name alone means its newest version.",
        max_length=2_000,
    )
    split = forms.ChoiceField(label="Split", required=False, choices=SPLIT_CHOICES)
    contains = _text("Contains", "In any text of the row; case does not matter.", max_length=1_000, strip=False)
    min_characters = _count("At least characters", help_text="All texts of the row together.")
    max_characters = _count("At most characters")
    min_messages = _count("At least messages", help_text="The answer counts as one.")
    max_messages = _count("At most messages")
    sample = forms.ChoiceField(label="How many", required=False, choices=SIZE_CHOICES, widget=forms.RadioSelect)
    sample_n = forms.IntegerField(label="Rows", required=False, min_value=1, max_value=2**31 - 1, initial=1_000)
    sample_percent = _percent("Percent of the rows", 10)
    shuffle = forms.BooleanField(
        label="Shuffle the rows",
        required=False,
        help_text="Otherwise they keep their order. Training draws its own order anyway.",
    )
    split_rows = forms.ChoiceField(
        label="Train and held-out", required=False, choices=PART_CHOICES, widget=forms.RadioSelect
    )
    split_percent = _percent("Percent held out", 10)
    column = _text("Column", "A key of the rows. Rows without it are trained on.", max_length=200)
    held_out = _text("Values held out", "Separated by commas, like “test, validation”.", max_length=1_000)
    seed = forms.IntegerField(label="Seed", required=False, min_value=0, max_value=2**32 - 1, initial=42)
    into = _text("Into", f"The dataset that gets the version; empty: this one. {NAME_HELP}", max_length=100)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seed"].help_text = SEED_HELP
        self.derivation = Derivation()

    def clean(self) -> dict[str, Any]:
        """Make the derivation of it."""
        values: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                self.derivation = Derivation.model_validate(_steps(values))
            except ValidationError as error:
                for item in error.errors():
                    self.add_problem(".".join(str(part) for part in item["loc"]), item["msg"])
        return values

    def add_problem(self, place: str, message: str) -> None:
        """Show what is wrong beside the field that `place` of the derivation comes from."""
        parts = place.split(".")
        names = [FIELDS[key] for end in range(len(parts), 0, -1) if (key := ".".join(parts[:end])) in FIELDS]
        self.add_error(names[0] if names else None, message.removeprefix("Value error, "))


def _steps(values: dict[str, Any]) -> dict[str, Any]:
    seed = 42 if values["seed"] is None else values["seed"]
    where = {
        name: values[name]
        for name in ("split", "contains", "min_characters", "max_characters", "min_messages", "max_messages")
        if values[name] not in {None, ""}
    }
    steps: dict[str, Any] = {
        "also": [reference for reference in SEPARATORS.split(values["also"]) if reference],
        "into": values["into"] or None,
        "where": where or None,
        "shuffle": {"seed": seed} if values["shuffle"] else None,
    }
    if values["sample"] == "n":
        steps["sample"] = {"n": values["sample_n"], "seed": seed}
    elif values["sample"] == "share":
        steps["sample"] = {"share": _share(values["sample_percent"]), "seed": seed}
    if values["split_rows"] == "share":
        steps["split"] = {"share": _share(values["split_percent"]), "seed": seed}
    elif values["split_rows"] == "column":
        chosen = [value.strip() for value in values["held_out"].split(",") if value.strip()]
        steps["split"] = {"column": values["column"] or None, "held_out": chosen}
    return steps


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
