"""The form that makes or moves an alias. What is wrong, the service says."""

from typing import Any

from django import forms

from adapters.alias_page import USUAL
from adapters.models import Adapter, AdapterVersion, Alias
from adapters.scores import score_text
from adapters.services.move_alias import REASON_LENGTH
from adapters.states import VersionStatus

OFFERED = 100  # the newest; an older one can be moved to from its own page


class AliasForm(forms.Form):
    """`moves` is the alias as it was when the form was shown; empty when there was none."""

    alias = forms.CharField(
        label="Alias",
        max_length=50,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "usual-aliases"}),
    )
    version = forms.TypedChoiceField(label="Version", coerce=int)
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with the move for whoever asks later.",
    )
    moves = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, adapter: Adapter, alias: Alias | None, version: int | None) -> None:
        if alias is not None and data is not None:
            data = data.copy()
            data["alias"] = alias.name
        wanted = version or (alias.version.number if alias else None)
        initial = {
            "alias": alias.name if alias else "",
            "version": wanted,
            "moves": alias.moves if alias else None,
        }
        super().__init__(data, initial=initial, auto_id="alias-%s")
        self.fields["version"].choices = _choices(adapter, wanted)  # type: ignore[attr-defined]
        if alias is not None:
            self.fields["alias"].widget = forms.HiddenInput()
        self.usual = USUAL

    def show_as_it_is(self, alias: Alias | None) -> None:
        """After somebody else changed it: whoever sends the form again has seen that."""
        self.data = {**self.data.dict(), "moves": str(alias.moves) if alias else ""}  # type: ignore[attr-defined]


def _choices(adapter: Adapter, wanted: int | None) -> list[tuple[int, str]]:
    versions = adapter.versions.exclude(status=VersionStatus.RETIRED).defer("manifest").order_by("-number")
    offered = list(versions[:OFFERED])
    if wanted is not None and all(version.number != wanted for version in offered):
        offered += list(versions.filter(number=wanted))
    return [(version.number, _words(version)) for version in offered]


def _words(version: AdapterVersion) -> str:
    parts = [f"v{version.number}"]
    if version.score is not None:
        parts.append(f"{version.score_name.replace('_', ' ')} {score_text(version.score_name, version.score)}")
    if version.status != VersionStatus.SERVABLE:
        parts.append(version.status)
    return " · ".join(parts)
