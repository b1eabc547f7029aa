"""The forms that say how rows are read, under which name, and the upload form. What is wrong, the services say."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.forms import BoundField
from django.http import HttpRequest

from finetune_app.datasets.file_kinds import ROW_FILE_ENDINGS
from finetune_app.datasets.form_guide import FORM_GUIDES
from finetune_app.datasets.how_to_read import COMMON_KEYS, FORM_KEYS, KEYS, HowToRead, how_to_read
from finetune_app.imports.forms import WRITTEN_AS_IS
from finetune_app.names import NAME_HELP
from finetune_app.web.templatetags.graft import bytes_

FILE_KINDS = ",".join([*ROW_FILE_ENDINGS, "application/json"])
COLUMN = "column_"  # before a key: the field that names its column


def given_name(request: HttpRequest) -> str:
    """`name=…` for the address of another way to make a version of the dataset that this page is asked for; or ""."""
    name = request.GET.get("name", "")
    return urlencode({"name": name}) if name else ""


class FilesInput(forms.FileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One file or several; its value is a list."""

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[bytes]]":
        """Each file, cleaned."""
        given = data if isinstance(data, (list, tuple)) else [data]
        return [super(FilesField, self).clean(item, initial) for item in given or [None]]


class ReadingForm(forms.Form):
    """Whether bad rows may be left out, and how the rows are read."""

    leave_out_bad_rows = forms.BooleanField(
        label="Leave out bad rows",
        required=False,
        help_text="Rows that cannot be trained on are listed on the version's page. Otherwise one bad row refuses the "
        "file.",
    )
    form = forms.ChoiceField(
        label="Form",
        required=False,
        choices=[("", "Recognised by its keys"), *((guide.form.value, guide.title) for guide in FORM_GUIDES)],
        help_text="What each row is taken for.",
    )

    def __init__(self, *args: Any, keys: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keys = list(keys)
        for key in KEYS:
            forms_of_key = " ".join(form for form, keys_of_form in FORM_KEYS.items() if key in keys_of_form)
            self.fields[COLUMN + key] = forms.CharField(
                label=key,
                required=False,
                strip=False,
                widget=forms.TextInput(
                    attrs={
                        "autocomplete": "off",
                        "list": "file-columns",
                        "placeholder": key,
                        "data-forms": "" if key in COMMON_KEYS else forms_of_key,
                    }
                ),
            )

    @property
    def column_fields(self) -> list[BoundField]:
        """The fields that name columns."""
        return [self[COLUMN + key] for key in KEYS]

    @property
    def is_read_otherwise(self) -> bool:
        """Whether the person chose, or has to choose, how the rows are read."""
        return bool(self.keys) or any(self[name].value() for name in ("form", *(COLUMN + key for key in KEYS)))

    def how(self) -> HowToRead:
        """The person's choices, once the form is valid.

        Raises:
            UserError: `invalid_columns`.
        """
        return how_to_read(self.cleaned_data["form"], {key: self.cleaned_data[COLUMN + key] for key in KEYS})

    def options(self) -> dict[str, Any]:
        """What an import keeps of them, once the form is valid.

        Raises:
            UserError: `invalid_columns`.
        """
        how = self.how()
        leave_out = self.cleaned_data["leave_out_bad_rows"]
        return {"form": how.form and how.form.value, "columns": how.columns, "leave_out_bad_rows": leave_out}


class NamedForm(ReadingForm):
    """The same for a dataset with this name."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text=f"{NAME_HELP} A name that exists gets its next version.",
        error_messages={"required": "Enter a name for the dataset."},
        widget=forms.TextInput(attrs=WRITTEN_AS_IS),
    )


class UploadForm(NamedForm):
    """Name, files, whether bad rows may be left out, and how the rows are read."""

    row_file_endings = " ".join(ROW_FILE_ENDINGS)
    file = FilesField(
        label="Files",
        allow_empty_file=True,  # the service refuses it, with the same code over REST
        error_messages={"required": "Choose a file."},
        widget=FilesInput(attrs={"accept": FILE_KINDS}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = settings.UPLOAD_LIMIT_BYTES
        file = self.fields["file"]
        file.help_text = (
            "JSONL, one JSON array, CSV, TSV or Parquet, each perhaps packed with gzip or Zstandard; together up to "
            f"{bytes_(limit)}. The rows of several files follow one another."
        )
        file.widget.attrs["data-limit"] = str(limit)
