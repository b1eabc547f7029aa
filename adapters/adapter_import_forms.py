"""The forms of adapters' imports: of uploads, from the hub, from a shared folder, and once more."""

from typing import Any

from django import forms

from adapters.access import base_revisions_of
from adapters.adapter_source import HubAdapter, SharedAdapter, adapter_asked_for
from adapters.models import AdapterImport
from adapters.services.import_adapter import NOTES_LENGTH
from finetune_app.accounts.access import Access
from finetune_app.imports.forms import WRITTEN_AS_IS, HubRepository, SharedPath, UploadIds, form_field
from finetune_app.names import NAME_HELP


class BaseFields(forms.Form):
    """The base revision that the adapter is bound to. Nothing is chosen for the person, unless there is only one."""

    base = forms.ChoiceField(
        label="Base model",
        help_text="The exact one that the adapter was trained on. Every tensor is checked against it.",
        error_messages={"required": "Choose the base that the adapter was trained on."},
    )

    def __init__(self, access: Access, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["base"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells mypy what it is
        revisions = [str(revision) for revision in base_revisions_of(access)]
        choices = [(name, name) for name in revisions]
        field.choices = choices if len(choices) == 1 else [("", "Choose one"), *choices]
        self.has_bases = bool(choices)

    @property
    def source_fields(self) -> list[forms.BoundField]:
        """None: what was sent is here."""
        return []

    def source(self) -> HubAdapter | SharedAdapter | None:
        """The same."""
        return None


class AdapterNameFields(forms.Form):
    """Under which name, and what the person writes about it."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text=f"An adapter that is there gets its next version. {NAME_HELP}",
        error_messages={"required": "Enter a name for the adapter."},
        widget=forms.TextInput(attrs=WRITTEN_AS_IS),
    )
    notes = forms.CharField(
        label="Notes",
        required=False,
        max_length=NOTES_LENGTH,
        help_text="What others should know about it, such as who trained it and on what.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class HubFields(HubRepository):
    """Which adapter of the hub."""

    repo_id = forms.CharField(
        label="Repository",
        max_length=200,
        help_text="Owner and name as the hub shows them.",
        error_messages={"required": "Enter owner and name of the repository."},
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "owner/name"}),
    )
    subfolder = forms.CharField(
        label="Folder",
        max_length=500,
        required=False,
        help_text="Only needed when the adapter does not lie at the top of the repository.",
        widget=forms.TextInput(attrs=WRITTEN_AS_IS),
    )
    more = ("subfolder",)

    def source(self) -> HubAdapter:
        """What the person asks for, once the form is valid."""
        return HubAdapter(**{name: value.strip("/") for name, value in self.repository.items()})


class SharedFields(SharedPath):
    """Which folder or archive of which shared folder."""

    path = forms.CharField(
        label="Folder or archive",
        max_length=1_000,
        required=False,
        help_text="The folder with adapter_config.json and adapter_model.safetensors, or a zip or tar of it.",
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "adapters/support"}),
    )

    def source(self) -> SharedAdapter:
        """What the person asks for, once the form is valid."""
        return SharedAdapter(**self.place)


class UploadForm(BaseFields, AdapterNameFields):
    """By upload; the page's script sends the files."""


class SentForm(UploadIds, UploadForm):
    """The same once the files were sent."""

    uploads = forms.CharField(
        help_text="Ids, with blanks between.",
        error_messages={"required": "Choose the adapter's archive or its files."},
        widget=forms.HiddenInput(),
    )


class HubForm(HubFields, BaseFields, AdapterNameFields):
    """From the hub, for the first time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].help_text = f"Empty: that of the repository. {self.fields['name'].help_text}"


class SharedForm(SharedFields, BaseFields, AdapterNameFields):
    """From a shared folder, for the first time."""


class HubAgainForm(HubFields, BaseFields):
    """From the hub once more."""


class SharedAgainForm(SharedFields, BaseFields):
    """From a shared folder once more."""


def again_form(access: Access, found: AdapterImport, data: Any = None) -> BaseFields:
    """The form of another try with `data`, or filled in as it was for the try that was refused, with what was wrong."""
    values: dict[str, Any] = {"base": str(found.base_revision)}
    kind: type[BaseFields] = BaseFields
    match adapter_asked_for(found.source):
        case HubAdapter() as asked:
            kind, values = HubAgainForm, values | asked.model_dump()
        case SharedAdapter() as asked:
            kind, values = SharedAgainForm, values | {"source_name": asked.source, "path": asked.path}
        case _:
            pass
    if data is not None:
        return kind(access, data)
    form = kind(access, values)
    field = form_field(str(found.result.get("field", "")))
    form.is_valid()
    if field in form.fields:
        form.add_error(field, found.error)
    return form
