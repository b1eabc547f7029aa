"""The form “Merge”, made from `MergeOptions`: labels and help are the options' own, and pydantic alone checks them."""

from collections.abc import Mapping
from typing import Any

from django import forms

from adapters.models import AdapterVersion, BaseRevision
from finetune_app.errors import InvalidFields, UserError
from finetune_app.imports.forms import WRITTEN_AS_IS
from finetune_app.merges.options import MAX_PROMPTS, MIN_PROMPTS, MergeOptions
from finetune_app.merges.services.request_merge import PREFIX, default_options, rows_of
from finetune_app.merges.states import Onto, WeightsDtype
from finetune_app.merges.trained_on import four_bits_of
from finetune_app.merges.words import DTYPE_WORDS, ONTO_WORDS

SHOWN_REVISIONS = 50
ROWS_HELP = "Whose rows prove it, such as sums@2. Empty: those that it was trained with, where they are still here."


class MergeForm(forms.Form):
    """How a version is merged. After `is_valid()`, `asked` is what the service takes."""

    dtype = forms.CharField(widget=forms.Select, required=False)
    onto = forms.CharField(widget=forms.RadioSelect, required=False)
    compare_ways = forms.BooleanField(required=False)
    prompts = forms.CharField(
        max_length=10, required=False, widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
    )
    dataset = forms.CharField(
        label="Dataset version",
        max_length=120,
        required=False,
        help_text=ROWS_HELP,
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "name@2"}),
    )
    base_model = forms.CharField(
        label="Base revision",
        required=False,
        help_text="Another one of its line only where weights, architecture and tokenizer are the same.",
        widget=forms.Select,
    )

    def __init__(self, version: AdapterVersion, data: Mapping[str, Any] | None = None) -> None:
        rows = rows_of(version)
        initial = default_options(version, version.base_revision)
        initial |= {"base_model": str(version.base_revision), "dataset": str(rows) if rows else ""}
        super().__init__(data, initial=initial)
        self.four_bits = four_bits_of(version.manifest)
        for name, option in MergeOptions.model_fields.items():
            self.fields[name].label, self.fields[name].help_text = option.title, option.description or ""
        self.fields["prompts"].help_text += f" {MIN_PROMPTS} to {MAX_PROMPTS}."
        _choose(self.fields["dtype"], [(str(dtype), DTYPE_WORDS[dtype]) for dtype in WeightsDtype])
        _choose(self.fields["onto"], [(str(onto), ONTO_WORDS[onto]) for onto in Onto])
        _choose(self.fields["base_model"], [(name, name) for name in _revisions(version)])
        if self.four_bits is None:
            del self.fields["onto"], self.fields["compare_ways"]

    @property
    def advanced(self) -> list[forms.BoundField]:
        """What lies under “More options”."""
        return [self[name] for name in ("prompts", "dataset", "base_model")]

    @property
    def advanced_is_open(self) -> bool:
        """An error must not hide."""
        return any(field.errors for field in self.advanced)

    @property
    def asked(self) -> dict[str, Any]:
        """Arguments of `request_merge`."""
        chosen = dict(self.cleaned_data)
        dataset, base = chosen.pop("dataset").strip(), chosen.pop("base_model")
        return {"options": chosen, "dataset": dataset, "base": base}

    def say(self, error: UserError) -> None:
        """Put what a service refused beside its fields; what is about none stands above them.

        Raises:
            UserError: the same, when it is about the person or the address.
        """
        if error.status in {403, 404}:
            raise error
        sentences = error.errors if isinstance(error, InvalidFields) else {error.field: error.message}
        for field, sentence in sentences.items():
            name = field.removeprefix(PREFIX)
            self.add_error(name if name in self.fields else None, sentence)


def _choose(field: forms.Field, choices: list[tuple[str, str]]) -> None:
    assert isinstance(field.widget, forms.Select | forms.RadioSelect)  # noqa: S101 - tells mypy what it is
    field.widget.choices = choices


def _revisions(version: AdapterVersion) -> list[str]:
    """Its own first, then the others of the line, the newest first."""
    own = version.base_revision
    others = BaseRevision.objects.filter(base_model=own.base_model_id).exclude(pk=own.pk).order_by("-number")
    numbers = others.values_list("number", flat=True)[:SHOWN_REVISIONS]
    return [str(own), *(f"{own.base_model.name}@{number}" for number in numbers)]
