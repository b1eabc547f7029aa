"""The forms of imports: of uploads that were sent in pieces, from the hub, from a shared folder, and once more."""

from typing import Any

from django import forms

from finetune_app.datasets.forms import COLUMN, NamedForm, ReadingForm
from finetune_app.datasets.how_to_read import KEYS
from finetune_app.datasets.import_source import HubDataset, SharedFiles, asked_for
from finetune_app.datasets.models import DatasetImport
from finetune_app.imports.forms import WRITTEN_AS_IS, HubRepository, SharedPath, UploadIds


class ImportForm(UploadIds, NamedForm):
    """Name, uploads that are complete, and how their rows are read."""


class HubFields(HubRepository):
    """Which split of which dataset of the hub."""

    repo_id = forms.CharField(
        label="Dataset",
        max_length=200,
        help_text="Owner and name as the hub shows them, such as HuggingFaceH4/ultrachat_200k.",
        error_messages={"required": "Enter owner and name of the dataset."},
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "owner/name"}),
    )
    subset = forms.CharField(
        label="Subset",
        max_length=200,
        required=False,
        help_text="Only needed when the dataset has several.",
        widget=forms.TextInput(attrs=WRITTEN_AS_IS),
    )
    split = forms.CharField(
        label="Split",
        max_length=200,
        required=False,
        help_text="“train” when you leave it empty.",
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "train"}),
    )
    more = ("subset", "split")

    def source(self) -> HubDataset:
        """What the person asks for, once the form is valid."""
        return HubDataset(**self.repository)


class SharedFields(SharedPath):
    """Which file or folder of which shared folder."""

    path = forms.CharField(
        label="File or folder",
        max_length=1_000,
        required=False,
        help_text="Of a folder, all files that hold rows are taken, in the order of their names.",
        widget=forms.TextInput(attrs=WRITTEN_AS_IS | {"placeholder": "chats/march.jsonl"}),
    )

    def source(self) -> SharedFiles:
        """What the person asks for, once the form is valid."""
        return SharedFiles(**self.place)


class HubForm(HubFields, NamedForm):
    """Import from the hub, for the first time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].help_text = f"Empty: that of the dataset. {self.fields['name'].help_text}"


class SharedForm(SharedFields, NamedForm):
    """Import from a shared folder, for the first time."""


class HubAgainForm(HubFields, ReadingForm):
    """Import from the hub once more: nothing is here yet."""


class SharedAgainForm(SharedFields, ReadingForm):
    """Import from a shared folder once more: nothing is here yet."""


def again_form(found: DatasetImport, data: Any = None) -> ReadingForm:
    """The form of another try, filled in as it was for the try that was refused, or with `data`."""
    details = (found.result.get("details") or [{}])[0]
    asked = asked_for(found.source)
    options = found.options
    initial: dict[str, Any] = {COLUMN + key: options.get("columns", {}).get(key, "") for key in KEYS}
    initial |= {"form": options.get("form") or "", "leave_out_bad_rows": options.get("leave_out_bad_rows", False)}
    kind: type[ReadingForm] = ReadingForm
    if not found.has_files:
        match asked:
            case HubDataset():
                kind, initial = HubAgainForm, initial | asked.model_dump()
            case SharedFiles():
                kind, initial = SharedAgainForm, initial | {"source_name": asked.source, "path": asked.path}
            case _:
                pass
    form = kind(data, initial=initial, keys=details.get("keys", []))
    if (field := found.result.get("field")) in form.fields and details.get("choices"):
        form.fields[field].widget = forms.Select(choices=[(name, name) for name in details["choices"]])
    return form
