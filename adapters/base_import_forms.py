"""The forms of base models' imports: of uploads, from the hub, from a shared folder, and once more."""

from typing import Any

from django import forms

from adapters.base_source import HubModel, SharedBase, base_asked_for
from adapters.models import BaseImport
from finetune_app.imports.forms import WRITTEN_AS_IS, HubRepository, SharedPath, UploadIds
from finetune_app.names import NAME_HELP


class BaseNameForm(forms.Form):
    """Under which name."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text=f"Of a base model that is there, this makes the next revision. {NAME_HELP}",
        error_messages={"required": "Enter a name for the base model."},
        widget=forms.TextInput(attrs=WRITTEN_AS_IS),
    )


class BaseUploadForm(UploadIds, BaseNameForm):
    """Name and uploads that are complete."""


class HubFields(HubRepository):
    """Which model of the hub."""

    repo_id = forms.CharField(
        label="Model",
        max_length=200,
        help_text="Owner and name as the hub shows them, such as HuggingFaceTB/SmolLM2-135M-Instruct.",
        error_messages={"required": "Enter owner and name of the model."},
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "owner/name"}),
    )

    def source(self) -> HubModel:
        """What the person asks for, once the form is valid."""
        return HubModel(**self.repository)


class SharedFields(SharedPath):
    """Which folder of which shared folder."""

    path = forms.CharField(
        label="Folder",
        max_length=1_000,
        required=False,
        help_text="The one with config.json, the safetensors files and the tokenizer.",
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "models/smollm2-135m"}),
    )

    def source(self) -> SharedBase:
        """What the person asks for, once the form is valid."""
        return SharedBase(**self.place)


class HubBaseForm(HubFields, BaseNameForm):
    """Import from the hub, for the first time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].help_text = f"Empty: that of the model. {self.fields['name'].help_text}"


class SharedBaseForm(SharedFields, BaseNameForm):
    """Import from a shared folder, for the first time."""


def again_form(found: BaseImport, data: Any = None) -> HubFields | SharedFields | None:
    """The form of another try, filled in as it was for the try that was refused; None for uploads."""
    match base_asked_for(found.source):
        case HubModel() as asked:
            return HubFields(data, initial=asked.model_dump())
        case SharedBase() as asked:
            return SharedFields(data, initial={"source_name": asked.source, "path": asked.path})
        case _:
            return None
