"""The card “Merged models” for the page of a version, which belongs to a package that knows nothing of merges."""

from typing import Any

from django import template

from adapters.models import AdapterVersion
from finetune_app.merges.access import merged_models_of

register = template.Library()
SHOWN = 20


@register.inclusion_tag("merges/_card.html", takes_context=True)
def merged_models_card(context: template.Context, version: AdapterVersion) -> dict[str, Any]:
    """The newest merged models of the version, and where to make one."""
    newest = list(merged_models_of(version).defer("files", "version__manifest")[: SHOWN + 1])
    return {
        "workspace": context["workspace"],
        "may_edit": context["may_edit"],
        "version": version,
        "adapter": version.adapter,
        "items": newest[:SHOWN],
        "has_more": len(newest) > SHOWN,
    }
