"""One upgrade, put together for its page and for REST: what changed, what it touches, what it asks for."""

from dataclasses import dataclass

from django.db.models import QuerySet

from adapters.access import base_revisions_of
from adapters.models import AdapterVersion, BaseRevision
from adapters.states import HARD_CHANGES, SOFT_CHANGES, ChangeKind
from finetune_app.accounts.access import Access
from finetune_app.upgrades.older import OlderRevision, older_revisions
from finetune_app.upgrades.plan import asked_for
from finetune_app.upgrades.touched import Touched, touched_by

KINDS = {
    ChangeKind.FIRST: "The first revision: there is nothing to upgrade from.",
    ChangeKind.METADATA: "Nothing that an adapter depends on changed.",
    ChangeKind.CHAT_TEMPLATE: "The chat template changed.",
    ChangeKind.TOKENIZER_ADDED: "The tokenizer has new tokens; those that were there kept their ids.",
    ChangeKind.TOKENIZER: "The tokenizer changed: ids or special tokens that were there mean something else.",
    ChangeKind.WEIGHTS: "The weights changed; their names and shapes are the same.",
    ChangeKind.ARCHITECTURE: "The architecture changed.",
}
HARD = "Adapters of the older revision must not be put on it. They go on working on their own revision."
SOFT = "Adapters of the older revision may be put on it, and should be evaluated again."


@dataclass(frozen=True)
class Upgrade:
    """The upgrade to `revision` from all older ones, of which `previous` is the last."""

    revision: BaseRevision
    older: list[OlderRevision]
    touched: Touched
    asked: QuerySet[AdapterVersion, int]  # primary keys, see `plan.asked_for`
    newest: BaseRevision

    @property
    def previous(self) -> OlderRevision | None:
        """The revision just before it."""
        return self.older[0] if self.older else None

    @property
    def is_hard(self) -> bool:
        """Whether any older revision's adapters must not be put on it."""
        return any(item.difference.is_hard for item in self.older)

    @property
    def text(self) -> str:
        """What it changes of the revision before it, in one or two sentences."""
        kind = ChangeKind(self.revision.change)
        if kind in HARD_CHANGES:
            return f"{KINDS[kind]} {HARD}"
        return f"{KINDS[kind]} {SOFT}" if kind in SOFT_CHANGES else KINDS[kind]


def upgrade_to(access: Access, revision: BaseRevision, *, limit: int) -> Upgrade:
    """The upgrade to `revision`, with at most `limit` of each kind of thing that it touches."""
    older = older_revisions(access, revision)
    newest = base_revisions_of(access).filter(base_model=revision.base_model_id).first()
    return Upgrade(
        revision=revision,
        older=older,
        touched=touched_by(access, older, limit=limit),
        asked=asked_for(revision, older),
        newest=newest or revision,
    )
