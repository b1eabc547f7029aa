"""What the page “Compare” shows: which two versions, and rows of theirs with the words that differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django import forms

from finetune_app.datasets.comparison import Group
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.preview import preview
from finetune_app.datasets.row_types import TrainingRow
from finetune_app.datasets.services.compare_versions import ComparedRow, compared_rows
from finetune_app.datasets.word_diff import Piece, word_diff
from finetune_app.web.numbers import number_in

SHOWN_CHARACTERS = 20_000  # of an answer; more is cut here, not in the comparison
LEARNED = ("answer_calls", "tools", "rejected", "label")


class CompareForm(forms.Form):
    """The older and the newer version, by their numbers. Without a choice: the two newest."""

    to = forms.TypedChoiceField(label="New", coerce=int, error_messages={"required": "Choose a version."})

    def __init__(self, data: Mapping[str, Any], *, versions: Sequence[DatasetVersion]) -> None:
        numbers = [version.number for version in versions]
        given = {key: data.get(key) for key in ("from", "to") if data.get(key)}
        if len(numbers) > 1:
            wanted = number_in(given.get("to") or "")
            newest = numbers[0] if wanted is None else wanted
            older = [number for number in numbers if number < newest] or numbers[1:]
            given = {"to": str(newest), "from": str(older[0])} | given
        super().__init__(given)
        choices = [(number, f"v{number}") for number in numbers]
        older_field = forms.TypedChoiceField(
            label="Old", coerce=int, choices=choices, error_messages={"required": "Choose a version."}
        )
        self.fields = {"from": older_field, "to": self.fields["to"]}
        self.fields["to"].choices = choices  # type: ignore[attr-defined]
        self._versions = {version.number: version for version in versions}

    def clean(self) -> dict[str, Any]:
        """Refuse a version against itself."""
        values: dict[str, Any] = super().clean() or {}
        if "from" in values and values["from"] == values.get("to"):
            self.add_error("to", "These are the same version. Choose two different ones.")
        return values

    @property
    def chosen(self) -> tuple[DatasetVersion, DatasetVersion]:
        """The older and the newer version of a valid form."""
        return self._versions[self.cleaned_data["from"]], self._versions[self.cleaned_data["to"]]


@dataclass(frozen=True)
class ComparedLine:
    """A row of the page: as `preview` shows it, and for a changed one what was learned before and is now."""

    row: dict[str, Any]
    before_number: int | None
    after_number: int | None
    before: list[Piece]
    after: list[Piece]
    before_split: str
    after_split: str


def compared_lines(
    task: DatasetTask, before: DatasetVersion, group: Group, *, offset: int, limit: int
) -> list[ComparedLine]:
    """A part of the group's rows, ready to be shown."""
    return [_line(row) for row in compared_rows(task, before.row_form, group, offset, limit)]


def _line(found: ComparedRow) -> ComparedLine:
    old, new = found.before, found.after
    shown = new or old
    pieces = word_diff(_learned(old), _learned(new)) if old and new else ([], [])
    return ComparedLine(
        row=preview(shown) if shown else {},
        before_number=old.number if old else None,
        after_number=new.number if new else None,
        before=pieces[0],
        after=pieces[1],
        before_split=(old and old.split) or "",
        after_split=(new and new.split) or "",
    )


def _learned(row: TrainingRow) -> str:
    """The answer as text, and whatever else can differ between rows of one prompt."""
    rest = {key: value for key in LEARNED if (value := getattr(row, key)) not in ((), "", None)}
    parts = [row.completion or row.text, *(f"{key}: {_as_text(value)}" for key, value in rest.items())]
    return "\n\n".join(part for part in parts if part)[:SHOWN_CHARACTERS]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value)).decode()
