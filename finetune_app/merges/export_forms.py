"""The form of each kind of export, made from its options: labels and help are theirs, and pydantic checks them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django import forms
from django.conf import settings
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from finetune_app.errors import InvalidFields, UserError
from finetune_app.imports.forms import WRITTEN_AS_IS
from finetune_app.merges.export_words import SCHEME_WORDS, TYPE_WORDS
from finetune_app.merges.parse_export_options import CLASSES, KIND
from finetune_app.merges.states import ExportKind

CHOICE_WORDS = {**TYPE_WORDS, **SCHEME_WORDS}
AT_A_GLANCE = 4  # more choices are a list that opens


class ExportForm(forms.Form):
    """The options of one kind. After `is_valid()`, `asked` is what the service takes."""

    def __init__(self, kind: ExportKind, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.export_kind = kind
        for name, option in CLASSES[kind].model_fields.items():
            if name != KIND:
                self.fields[name] = _field(name, option)

    @property
    def asked(self) -> dict[str, Any]:
        """Kind and options."""
        return {KIND: self.export_kind, **self.cleaned_data}

    def say(self, error: UserError) -> None:
        """Put what the service refused beside its fields; what is about none stands above them.

        Raises:
            UserError: the same, when it is about the person or the address.
        """
        if error.status in {403, 404}:
            raise error
        sentences = error.errors if isinstance(error, InvalidFields) else {error.field: error.message}
        for field, sentence in sentences.items():
            self.add_error(field if field in self.fields else None, sentence)


def _field(name: str, option: FieldInfo) -> forms.Field:
    initial = None if option.default is PydanticUndefined else option.default
    shared: dict[str, Any] = {"label": option.title, "help_text": option.description or "", "initial": initial}
    if isinstance(option.annotation, type) and issubclass(option.annotation, StrEnum):
        choices = [(str(value), CHOICE_WORDS.get(value, str(value))) for value in option.annotation]
        widget = forms.RadioSelect if len(choices) <= AT_A_GLANCE else forms.Select
        return forms.ChoiceField(choices=choices, widget=widget, **shared)
    if option.annotation is bool:
        return forms.BooleanField(required=False, **shared)
    if name == "place":
        return forms.ChoiceField(choices=[(place, place) for place in settings.EXPORT_PLACES], **shared)
    return forms.CharField(required=option.is_required(), widget=forms.TextInput(attrs=WRITTEN_AS_IS), **shared)
