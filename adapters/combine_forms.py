"""The form that combines versions: name and options from `combination.py`, and a line for each version."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from pydantic.fields import FieldInfo

from adapters.combination import MAX_RANK, MOST, TYPE_WORDS, CombinationOptions, CombinationType
from finetune_app.errors import InvalidFields, UserError
from finetune_app.imports.forms import WRITTEN_AS_IS
from finetune_app.names import NAME_HELP

FIELD = "versions"
SHOWN = 4  # lines that are there without asking for more


def _words(name: str) -> dict[str, Any]:
    info: FieldInfo = CombinationOptions.model_fields[name]
    return {"label": info.title, "help_text": info.description, "initial": info.default}


@dataclass
class Line:
    """One version as it was typed, its weight, and what is wrong with it."""

    reference: str = ""
    weight: str = "1"
    error: str = ""
    place: int = 0  # from 1


class CombineForm(forms.Form):
    """Name and options; `lines` are the versions."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text=f"An adapter that is there gets its next version. {NAME_HELP}",
        error_messages={"required": "Enter a name for the adapter."},
        widget=forms.TextInput(attrs=WRITTEN_AS_IS),
    )
    combination_type = forms.ChoiceField(
        **_words("combination_type"), choices=[(kind.value, TYPE_WORDS[kind]) for kind in CombinationType]
    )
    density = forms.FloatField(
        **_words("density"), min_value=0, max_value=1, widget=forms.NumberInput(attrs={"step": "any"})
    )
    svd_rank = forms.IntegerField(**_words("svd_rank"), required=False, min_value=1, max_value=MAX_RANK)
    seed = forms.IntegerField(**_words("seed"), min_value=0, max_value=2**32 - 1)

    def __init__(self, data: QueryDict | None = None, *, references: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if data is None:
            self.lines = [Line(reference) for reference in (references or [])[:MOST]]
        else:
            pairs = zip(data.getlist("version"), data.getlist("weight"), strict=False)
            self.lines = [Line(reference.strip(), weight.strip()) for reference, weight in pairs][:MOST]
        self.lines += [Line() for _ in range(MOST - len(self.lines))]
        for place, line in enumerate(self.lines, 1):
            line.place = place

    @property
    def first_lines(self) -> list[Line]:
        """Those that are shown at once: the ones that are filled, and a few more."""
        filled = [place for place, line in enumerate(self.lines, 1) if line.reference]
        return self.lines[: max(SHOWN, *filled, 0)]

    @property
    def more_lines(self) -> list[Line]:
        """The others."""
        return self.lines[len(self.first_lines) :]

    def parts(self) -> list[tuple[str, float]]:
        """What was typed, without the empty lines.

        Raises:
            InvalidFields: a weight is no number.
        """
        wrong = {}
        found = []
        for place, line in enumerate(line for line in self.lines if line.reference):
            try:
                found.append((line.reference, float(line.weight)))
            except ValueError:
                wrong[f"{FIELD}[{place}]"] = "A weight is a number, such as 0.5."
        if wrong:
            raise InvalidFields(wrong)
        return found

    def options(self) -> CombinationOptions:
        """The options, once the form is valid."""
        return CombinationOptions(**{name: self.cleaned_data[name] for name in CombinationOptions.model_fields})

    def say(self, error: UserError) -> None:
        """Put what was refused beside its field or line."""
        errors = error.errors if isinstance(error, InvalidFields) else {error.field: error.message}
        filled = [line for line in self.lines if line.reference]
        for field, sentence in errors.items():
            places = [place for place in range(len(filled)) if field == f"{FIELD}[{place}]"]
            if places:
                filled[places[0]].error = sentence
            else:
                self.add_error(field if field in self.fields else None, sentence)
