"""The upload form. What is wrong with a name or a file, `services/upload_dataset.py` says."""

from typing import Any

from django import forms
from django.conf import settings

from finetune_app.names import NAME_HELP
from finetune_app.web.templatetags.graft import bytes_

FILE_KINDS = ".jsonl,.ndjson,.json,application/json"


class UploadForm(forms.Form):
    """Name, file, and whether bad rows may be left out."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text=f"{NAME_HELP} A name that exists gets its next version.",
        error_messages={"required": "Enter a name for the dataset."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # the service refuses it, with the same code over REST
        error_messages={"required": "Choose a file."},
        widget=forms.FileInput(attrs={"accept": FILE_KINDS}),
    )
    leave_out_bad_rows = forms.BooleanField(
        label="Leave out bad rows",
        required=False,
        help_text="Rows that cannot be trained on are listed on the version's page. Otherwise one bad row refuses the "
        "file.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = settings.UPLOAD_LIMIT_BYTES
        file = self.fields["file"]
        file.help_text = f"JSONL or one JSON array, in UTF-8, up to {bytes_(limit)}."
        file.widget.attrs["data-limit"] = str(limit)
