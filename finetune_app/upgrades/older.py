"""The revisions that a base revision comes after, each with what the newer one has otherwise."""

from dataclasses import dataclass
from enum import StrEnum

from adapters.access import base_revisions_of
from adapters.base_change import Difference
from adapters.fits import difference, in_words
from adapters.models import BaseRevision
from finetune_app.accounts.access import Access


class Effect(StrEnum):
    """What the upgrade means for a version of an older revision."""

    STALE = "stale"  # it must not be put on the newer one: hard
    LOOK_AGAIN = "look_again"  # it may be, and somebody should evaluate it again: soft
    NONE = "none"  # nothing differs


@dataclass(frozen=True)
class OlderRevision:
    """An older revision, and what the newer one has otherwise."""

    revision: BaseRevision
    difference: Difference

    @property
    def effect(self) -> Effect:
        """What that means for its versions."""
        if self.difference.is_hard:
            return Effect.STALE
        return Effect.LOOK_AGAIN if self.difference.soft_words else Effect.NONE

    @property
    def differs_in(self) -> str:
        """What differs, to stand after “its”; "" when nothing does."""
        return in_words([*self.difference.hard_words, *self.difference.soft_words])


def older_revisions(access: Access, newer: BaseRevision) -> list[OlderRevision]:
    """All older revisions of the same base model, the newest first."""
    found = base_revisions_of(access).filter(base_model=newer.base_model_id, number__lt=newer.number)
    return [OlderRevision(revision, difference(revision, newer)) for revision in found]
