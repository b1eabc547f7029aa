"""What a new base revision means for what is there: its kind of change, and the versions of the older revisions.

A few statements, however many versions there are: one for each older revision that has any.
"""

from adapters.fits import difference
from adapters.models import AdapterVersion, BaseRevision
from adapters.services.move_version import flag_versions, move_versions
from adapters.services.standing import stale_for
from adapters.states import SOFT_CHANGES, ChangeKind, VersionStatus

SOFT_SENTENCES = {
    ChangeKind.CHAT_TEMPLATE: "the chat template changed",
    ChangeKind.TOKENIZER_ADDED: "the tokenizer has new tokens",
}


def note_new_revision(revision: BaseRevision) -> None:
    """Within the transaction that registers `revision`, with its base model locked; again, it changes nothing.

    Keeps what it changes of the revision before it, and marks the versions of all older ones.
    """
    older = BaseRevision.objects.filter(base_model=revision.base_model_id, number__lt=revision.number)
    previous = older.select_related("base_model").order_by("-number").first()
    if previous is None:
        return
    revision.change = difference(previous, revision).kind
    BaseRevision.objects.filter(pk=revision.pk).update(change=revision.change)
    mark_versions(revision)


def mark_versions(newest: BaseRevision) -> None:
    """Make stale what does not fit `newest`, and flag what somebody should look at again because of it."""
    older = BaseRevision.objects.filter(base_model=newest.base_model_id, number__lt=newest.number)
    servable = AdapterVersion.objects.filter(status=VersionStatus.SERVABLE)
    for revision in older.filter(pk__in=servable.values("base_revision")).select_related("base_model"):
        found = difference(revision, newest)
        versions = servable.filter(base_revision=revision)
        if found.is_hard:
            move_versions(versions, VersionStatus.STALE, reason=stale_for(revision, newest))
        elif soft := [kind for kind in found.kinds if kind in SOFT_CHANGES]:
            what = " and ".join(SOFT_SENTENCES[kind] for kind in soft)
            flag_versions(versions, f"{what[0].upper()}{what[1:]} in {newest}: evaluate again.")
