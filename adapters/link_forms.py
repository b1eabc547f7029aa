"""The form for a link to download a version by."""

from datetime import timedelta

from django import forms
from django.http import QueryDict

from adapters.downloads import ArchiveFormat, listed_files
from adapters.models import AdapterVersion

TIMES = {"1 hour": 3600, "1 day": 86_400, "7 days": 7 * 86_400, "30 days": 30 * 86_400}


class LinkForm(forms.Form):
    """What the link gives, and for how long."""

    what = forms.ChoiceField(label="What it gives")
    expires_in = forms.TypedChoiceField(
        label="How long it works",
        choices=[(seconds, text) for text, seconds in TIMES.items()],
        initial=TIMES["7 days"],
        coerce=lambda seconds: timedelta(seconds=int(seconds)),
    )

    def __init__(self, version: AdapterVersion, data: QueryDict | None = None) -> None:
        super().__init__(data)
        whole = [(wanted.value, f"everything, as {wanted.value}") for wanted in ArchiveFormat]
        files = [(f"file:{file.path}", file.path) for file in listed_files(version)]
        self.fields["what"].choices = [*whole, ("One file", files)]  # type: ignore[attr-defined]

    def chosen(self) -> dict[str, object]:
        """The choices as `make_link` takes them."""
        kind, _, path = self.cleaned_data["what"].partition(":")
        chosen = {"file": path} if kind == "file" else {"wanted": ArchiveFormat(kind)}
        return {"expires_in": self.cleaned_data["expires_in"], **chosen}
