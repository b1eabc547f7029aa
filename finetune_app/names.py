"""The one rule for names that appear in addresses: datasets, base models, adapters. Pure."""

import re
import unicodedata

from finetune_app.errors import UserError

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,99}"
NAME_HELP = "Lower-case letters, digits, dots, dashes and underscores; begins with a letter or a digit."
NUMBER_DIGITS = 9
RESERVED = frozenset({"new"})
_NAME = re.compile(NAME_PATTERN)


def check_name(value: str, *, field: str = "name") -> str:
    """`value` without blanks around it, when it can be a name.

    Raises:
        UserError: `invalid_name`.
    """
    name = value.strip()
    if not _NAME.fullmatch(name) or name in RESERVED or ".." in name:
        raise UserError("invalid_name", f"“{name[:120]}” cannot be a name. {NAME_HELP}", field=field)
    return name


def name_from(text: str) -> str:
    """The name nearest to `text`, to suggest; "" when nothing of it can stand in a name."""
    plain = unicodedata.normalize("NFKD", text).lower()
    joined = re.sub(r"\.{2,}", ".", re.sub(r"[^a-z0-9._-]+", "-", plain))
    return re.sub(r"^[^a-z0-9]+|[^a-z0-9]+$", "", joined)[:100]


def split_reference(reference: str, *, field: str) -> tuple[str, int | None]:
    """`name` or `name@2` as name and number; no number means the newest.

    Raises:
        UserError: `invalid_reference`.
    """
    name, at, number = reference.strip().partition("@")
    if at and not (number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS):
        raise UserError("invalid_reference", f"“{reference[:120]}” is neither a name nor name@number.", field=field)
    return name, int(number) if at else None
