"""What the page “Rows” asks for: its filters from the address, and the address from the filters."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from finetune_app.datasets.formats import Split
from finetune_app.datasets.row_index import RowFilter, Sort
from finetune_app.datasets.row_search import SEARCH_LIMIT
from finetune_app.datasets.services.look_at_rows import RowsQuery

COUNT_LIMIT = 10**9
SORTS = [
    (Sort.FILE.value, "As in the file"),
    (Sort.LONGEST.value, "Longest first"),
    (Sort.SHORTEST.value, "Shortest first"),
]
SPLITS = [("", "All rows"), (Split.TRAIN.value, "Marked “train”"), (Split.HELD_OUT.value, "Marked “held_out”")]


def _count(label: str, hint: str) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"placeholder": hint, "inputmode": "numeric"})
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=COUNT_LIMIT, widget=widget)


class RowsForm(forms.Form):
    """The filters. What cannot be read is shown with its reason and does not filter."""

    search = forms.CharField(
        label="Words",
        required=False,
        strip=True,
        max_length=SEARCH_LIMIT,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "placeholder": "Words, “a phrase”, begin*",
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    split = forms.ChoiceField(label="Split", required=False, choices=SPLITS)
    min_chars = _count("Characters from", "any")
    max_chars = _count("to", "any")
    messages = _count("Messages", "any")
    sort = forms.ChoiceField(label="Order", required=False, choices=SORTS)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="rows-%s")
        self.is_valid()

    @property
    def query(self) -> RowsQuery:
        """What is asked for."""
        values = self.cleaned_data
        return RowsQuery(
            search=values.get("search", ""),
            wanted=RowFilter(
                split=Split(values["split"]) if values.get("split") else None,
                min_chars=values.get("min_chars"),
                max_chars=values.get("max_chars"),
                messages=values.get("messages"),
            ),
            sort=Sort(values.get("sort") or Sort.FILE),
        )

    def address(self, page: int = 1) -> str:
        """The query string of what is asked for, without what is left open: `?search=parcel&page=2`, or "?"."""
        values: dict[str, Any] = {
            name: value
            for name, value in self.cleaned_data.items()
            if value not in {None, ""} and not (name == "sort" and value == Sort.FILE)
        }
        if page > 1:
            values["page"] = page
        return f"?{urlencode(values)}"
