"""The card “Exports” for the page of a merged model: `{% load exports %}{% exports_card merged %}`."""

from typing import Any

from django import template

from finetune_app.merges.export_access import exports_of
from finetune_app.merges.export_words import options_in_words, title_of_kind
from finetune_app.merges.models import MergedModel

register = template.Library()
SHOWN = 20


@register.inclusion_tag("merges/exports/_list.html", takes_context=True)
def exports_card(context: template.Context, merged: MergedModel) -> dict[str, Any]:
    """The newest exports of a verified merged model, and where to make one."""
    found = list(exports_of(merged)[: SHOWN + 1])
    return {
        "workspace": context["workspace"],
        "may_edit": context["may_edit"],
        "merged": merged,
        "version": merged.version,
        "adapter": merged.version.adapter,
        "items": [(one, title_of_kind(one.kind), options_in_words(one.options)) for one in found[:SHOWN]],
        "more": len(found) > SHOWN,
    }
