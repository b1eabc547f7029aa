"""How a person wants an upload read: its form, and which of its columns stand for which keys. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from finetune_app.datasets.row_types import RowForm
from finetune_app.errors import UserError

# The keys of each form that a column of another name can stand for; those that every row may have come last.
FORM_KEYS: dict[RowForm, tuple[str, ...]] = {
    RowForm.CHAT: ("messages",),
    RowForm.SHAREGPT: ("conversations",),
    RowForm.INSTRUCTION: ("instruction", "input", "output"),
    RowForm.PROMPT_COMPLETION: ("prompt", "completion"),
    RowForm.TEXT: ("text",),
    RowForm.PREFERENCE: ("prompt", "chosen", "rejected"),
    RowForm.KTO: ("prompt", "completion", "label"),
}
COMMON_KEYS = ("system", "tools", "split")
KEYS = tuple(dict.fromkeys([key for keys in FORM_KEYS.values() for key in keys])) + COMMON_KEYS


class HowToRead(Struct, frozen=True):
    """The person's choices; without any, all is recognised by content.

    `columns` names for a key of the form the column of the file that stands for it: {"prompt": "question"}.
    """

    form: RowForm | None = None
    columns: dict[str, str] = {}


def how_to_read(form: str = "", columns: Mapping[str, Any] | str = "") -> HowToRead:
    """The choices as a form or a REST call sends them; `columns` may be a JSON object as text.

    Raises:
        UserError: `invalid_form` or `invalid_columns`.
    """
    return HowToRead(_form(form), _columns(columns))


def _form(value: str) -> RowForm | None:
    if not value:
        return None
    if value not in set(RowForm):
        raise UserError(
            "invalid_form", f"There is no form “{value}”; choose one of {', '.join(RowForm)}.", field="form"
        )
    return RowForm(value)


def _columns(value: Mapping[str, Any] | str) -> dict[str, str]:
    found: Any = value
    if isinstance(value, str):
        try:
            found = msgspec.json.decode(value) if value.strip() else {}
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            found = None
    if not isinstance(found, Mapping) or not all(isinstance(column, str) for column in found.values()):
        raise _invalid('Name the columns as a JSON object like {"prompt": "question", "completion": "answer"}.')
    chosen = {key: column for key, column in found.items() if column}
    unknown = [key for key in chosen if key not in KEYS]
    if unknown:
        raise _invalid(f"No form has a key “{unknown[0]}”; a column can stand for {', '.join(KEYS)}.")
    if len(set(chosen.values())) < len(chosen):
        raise _invalid("One column cannot stand for two keys. Name another column.")
    return chosen


def _invalid(message: str) -> UserError:
    return UserError("invalid_columns", message, field="columns")
