"""The one rule for tags on adapter versions. Pure."""

import re
from collections.abc import Iterable

from finetune_app.errors import UserError

MAX_TAGS = 20
TAG_HELP = "Lower-case letters, digits, and . _ - : / inside; at most 50 characters."
_TAG = re.compile(r"[a-z0-9]([a-z0-9._:/-]{0,48}[a-z0-9])?")


def check_tag(value: str, *, field: str = "tag") -> str:
    """`value` in lower case without blanks around it, when it can be a tag.

    Raises:
        UserError: `invalid_tag`.
    """
    tag = value.strip().lower()
    if not _TAG.fullmatch(tag):
        raise UserError("invalid_tag", f"“{tag[:60]}” cannot be a tag. {TAG_HELP}", field=field)
    return tag


def check_tags(values: Iterable[str], *, field: str = "tags") -> list[str]:
    """Each of them once, sorted.

    Raises:
        UserError: `invalid_tag`, or `too_many_tags`.
    """
    tags = sorted({check_tag(value, field=field) for value in values})
    if len(tags) > MAX_TAGS:
        raise UserError("too_many_tags", f"A version has at most {MAX_TAGS} tags; take one away first.", field=field)
    return tags
