"""The parts of forms that imports share: complete uploads, a repository of the hub, a path in a shared folder."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings

from finetune_app.errors import UserError
from finetune_app.names import MAIN

WRITTEN_AS_IS = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
OTHER_NAMES = {"source": "source_name", "columns": "form"}  # a service's word → the field of the form


class UploadIds(forms.Form):
    """Uploads that are complete; the page's script sends the files before the form."""

    uploads = forms.CharField(help_text="Ids, with blanks between.", widget=forms.HiddenInput())

    def clean_uploads(self) -> list[UUID]:
        """The ids."""
        try:
            return [UUID(text) for text in self.cleaned_data["uploads"].split()]
        except ValueError:
            raise forms.ValidationError("These are no uploads. Send the files again.") from None


class HubRepository(forms.Form):
    """A repository of the Hugging Face hub; what else a kind of import has to know of it follows."""

    repo_id = forms.CharField(
        max_length=200, widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "owner/name"})
    )
    revision = forms.CharField(
        label="Revision",
        max_length=200,
        required=False,
        help_text="A branch, tag or commit. The commit that it means is kept.",
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": MAIN}),
    )
    more: ClassVar[tuple[str, ...]] = ()

    @property
    def source_fields(self) -> list[forms.BoundField]:
        """The fields that say what to fetch."""
        return [self[name] for name in ("repo_id", *self.more, "revision")]

    @property
    def repository(self) -> dict[str, str]:
        """What the person asks for, once the form is valid, by the fields' names."""
        chosen = {field.name: self.cleaned_data[field.name].strip() for field in self.source_fields}
        return chosen | {"revision": chosen["revision"] or MAIN}


class SharedPath(forms.Form):
    """A place in one of the folders that the administrator shares."""

    source_name = forms.ChoiceField(label="Shared folder")
    path = forms.CharField(
        label="Folder", max_length=1_000, required=False, widget=forms.TextInput(attrs=WRITTEN_AS_IS)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["source_name"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells mypy what it is
        field.choices = [(name, name) for name in settings.IMPORT_SOURCES]

    @property
    def source_fields(self) -> list[forms.BoundField]:
        """The fields that say what to fetch."""
        return [self[name] for name in SharedPath.base_fields]

    @property
    def place(self) -> dict[str, str]:
        """What the person asks for, once the form is valid: `source` and `path`."""
        return {"source": self.cleaned_data["source_name"], "path": self.cleaned_data["path"].strip().strip("/")}


def form_field(name: str) -> str:
    """The form's name for the field that a service names."""
    return OTHER_NAMES.get(name, name)


def say_beside_field(form: forms.Form, error: UserError) -> None:
    """Put a service's refusal beside the form's field that it is about; what is about none is raised again.

    Raises:
        UserError: the same.
    """
    field = form_field(error.field)
    if field not in form.fields:
        raise error
    form.add_error(field, error.message)
