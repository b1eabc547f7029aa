"""Marks the words of an answer that differ from the other version's."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from finetune_app.datasets.word_diff import Piece

register = template.Library()
TAGS = {"del", "ins"}


@register.filter
def pieces(parts: Iterable[Piece], tag: str) -> SafeString:
    """The text, its differing pieces in `<del>` or `<ins>`; all of it is escaped."""
    if tag not in TAGS:
        raise ValueError(f"not a tag that marks a difference: {tag}")
    marked = format_html("<{0}>{{}}</{0}>", tag)
    return format_html_join(
        "", "{}", ((format_html(marked, part.text) if part.differs else part.text,) for part in parts)
    )
