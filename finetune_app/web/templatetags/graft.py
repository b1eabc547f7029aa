"""Template tags and filters that every page has without loading them."""

import tomllib
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, HiddenInput, RadioSelect, Select
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from finetune_app.web.links import workspace_url

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400
SHORT_DIGEST = 12


@register.simple_tag(takes_context=True)
def wurl(context: template.Context, view: str, **kwargs: Any) -> str:
    """The address of a page of the current workspace: `{% wurl 'datasets:detail' name=dataset.name %}`.

    Raises:
        TemplateSyntaxError: the template is not rendered inside a workspace.
    """
    workspace = context.get("workspace")
    if workspace is None:
        raise template.TemplateSyntaxError(f"wurl '{view}': this page belongs to no workspace.")
    return workspace_url(workspace.slug, view, **kwargs)


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """A Tabler outline icon that `web/icons.txt` lists; decoration, so hidden from screen readers."""
    return format_html(
        '<svg class="{}" aria-hidden="true" focusable="false" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><use href="{}#{}"/></svg>',
        f"icon {classes}".rstrip(),
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag
@cache
def graft_version() -> str:
    """Graft's version, as `pyproject.toml` says it."""
    project = tomllib.loads((settings.ROOT / "pyproject.toml").read_text())
    return str(project["project"]["version"])


@register.filter(name="bytes")
def bytes_(value: float | None) -> str:
    """1536 → `1.5 KiB`."""
    if value is None:
        return "–"
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004 – the binary step
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


@register.filter
def duration(seconds: float | None) -> str:
    """80 → `1 min 20 s`, 7260 → `2 h 1 min`."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


@register.filter
def ago(value: datetime | None) -> str:
    """How long ago, in the words that `static/js/base.js` keeps up to date on the page."""
    if value is None:
        return "–"
    seconds = (timezone.now() - value).total_seconds()
    if seconds < MINUTE:
        return "just now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min ago"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h ago"
    return f"{int(seconds // DAY)} d ago"


@register.filter
def shortsha(value: str) -> str:
    """The first twelve characters of a digest."""
    return value[:SHORT_DIGEST]


@register.filter
def percent(value: float | None) -> str:
    """A share: 0.931 → `93.1 %`, 1 → `100 %`."""
    if value is None:
        return "–"
    text = f"{value * 100:.1f}".removesuffix(".0")
    return f"{text}\u00a0%"  # a figure and its sign stay on one line


@register.filter
def thousands(value: float | None) -> str:
    """1234567 → `1,234,567`."""
    return "–" if value is None else f"{value:,}"


@register.filter
def share(done: int, total: int) -> int:
    """How much of `total` is done, in whole percent, 0–100."""
    return max(0, min(100, 100 * done // total)) if total else 0


@register.filter
def kind(field: BoundField) -> str:
    """How `components/field.html` lays the field out: `hidden`, `check`, `choices` or `plain`."""
    widget = field.field.widget
    if isinstance(widget, HiddenInput):
        return "hidden"
    if isinstance(widget, CheckboxInput):
        return "check"
    if isinstance(widget, (RadioSelect, CheckboxSelectMultiple)):
        return "choices"
    return "plain"


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's control with Bootstrap's classes beside its own."""
    return field.as_widget(attrs={"class": _classes(field)})


@register.filter
def options(field: BoundField) -> list[Any]:
    """The choices of a radio or checkbox group, each with Bootstrap's classes."""
    field.field.widget.attrs["class"] = _classes(field)
    return list(field)


def _classes(field: BoundField) -> str:
    widget = field.field.widget
    if isinstance(widget, (CheckboxInput, RadioSelect, CheckboxSelectMultiple)):
        base = "form-check-input"
    elif isinstance(widget, Select):
        base = "form-select"
    else:
        base = "form-control"
    own = str(widget.attrs.get("class", ""))
    names = [base, *own.split(), *(["is-invalid"] if field.errors else [])]
    return " ".join(dict.fromkeys(names))
