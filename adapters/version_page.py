"""What the page of a version shows beside what never changes: where it stands, and what came of it."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from adapters.alias_page import USUAL
from adapters.listing import names_of
from adapters.models import AdapterVersion
from adapters.services.describe_version import NOTES_LENGTH
from adapters.services.move_version import SENTENCE_LENGTH
from adapters.tags import MAX_TAGS

SHOWN = 20


@dataclass(frozen=True)
class Descendant:
    """A version that came of this one, and how."""

    version: AdapterVersion
    how: str


def standing_of(version: AdapterVersion) -> dict[str, Any]:
    """For the template: aliases, tags, where an alias can be moved here from, descendants, and the newest base."""
    own = names_of(version.aliases)
    others = [name for name in names_of(version.adapter.aliases) if name not in own]
    tags = names_of(version.tags)
    descendants = _descendants(version)
    newest = version.base_revision.base_model.revisions.order_by("-number").values_list("number", flat=True).first()
    return {
        "aliases": own,
        "movable": others + [name for name in USUAL if name not in {*own, *others}],
        "existing": others,
        "tags": tags,
        "may_tag": len(tags) < MAX_TAGS,
        "descendants": descendants[:SHOWN],
        "more_descendants": len(descendants) > SHOWN,
        "newer_revision": newest if newest and newest > version.base_revision.number else None,
        "notes_length": NOTES_LENGTH,
        "reason_length": SENTENCE_LENGTH,
    }


def _descendants(version: AdapterVersion) -> list[Descendant]:
    # By their keys and not by a join, so that the database looks each of the three up in its index.
    parts = version.combined_as.through.objects.filter(to_adapterversion=version).values("from_adapterversion")
    found = (
        AdapterVersion.objects.filter(Q(continues=version) | Q(retrains=version) | Q(pk__in=parts))
        .select_related("adapter", "base_revision__base_model")
        .defer("manifest")
        .order_by("-id")
    )
    return [Descendant(one, _how(one, version)) for one in found[: SHOWN + 1]]


def _how(one: AdapterVersion, version: AdapterVersion) -> str:
    if one.continues_id == version.pk:
        return "continues it"
    return f"repeats it on {one.base_revision}" if one.retrains_id == version.pk else "was combined of it"
