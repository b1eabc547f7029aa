"""The one rule for names that appear in addresses: datasets, base models, adapters. Pure."""

import re
import unicodedata

from finetune_app.errors import UserError

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,99}"
LABEL_PATTERN = r"[a-z0-9][a-z0-9._-]{0,49}"  # of an alias, and of a number: what stands after the @
NAME_HELP = "Lower-case letters, digits, dots, dashes and underscores; begins with a letter or a digit."
NUMBER_DIGITS = 9
RESERVED = frozenset({"new", "compare", "versions", "imports", "combinations"})
MAIN = "main"  # what the hub calls a repository's newest state
RESERVED_ALIASES = frozenset({MAIN, "new", "newest"})  # the hub's word for what is newest, and ours
_NAME = re.compile(NAME_PATTERN)
_ALIAS = re.compile(LABEL_PATTERN)


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


def check_alias(value: str, *, field: str = "alias") -> str:
    """`value` without blanks around it, when it can be an alias: a name that is no number.

    Raises:
        UserError: `invalid_alias`.
    """
    name = value.strip()
    if not _ALIAS.fullmatch(name) or name.isdigit() or name in RESERVED_ALIASES or ".." in name:
        raise UserError(
            "invalid_alias",
            f"“{name[:60]}” cannot be an alias: at most 50 characters, not only digits, not “main”. {NAME_HELP}",
            field=field,
        )
    return name


def label_in(text: str) -> int | str:
    """What stands after the @: a version's number, or an alias; a number that is too long means no version."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS else text


def split_version_reference(reference: str, *, field: str) -> tuple[str, int | str | None]:
    """`name`, `name@2` or `name@production` as name and number or alias; None means the newest.

    Raises:
        UserError: `invalid_reference`.
    """
    name, at, label = reference.strip().partition("@")
    if not at:
        return name, None
    if isinstance(known := label_in(label), str) and (not _ALIAS.fullmatch(label) or label.isdigit()):
        raise UserError(
            "invalid_reference", f"“{reference[:120]}” is neither a name nor name@number nor name@alias.", field=field
        )
    return name, known
