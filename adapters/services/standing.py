"""What a version's status is by itself, and what it becomes when the version is registered or taken back into use.

A version is stale as long as there is a newer revision of its base model that it does not fit, whatever came after
that one. So a revision that goes back to older weights makes nothing servable again: a version of those older weights
fits the newest revision and may be put on it, but whoever follows the line of revisions passed one that it does not
fit, and a person should decide. (The very same content is no new revision at all: it is the old one, see
`register_base.py`.) Only when such a revision is deleted do its versions stop being stale, see `reconsider_versions`.
"""

from django.db.models import Q

from adapters.fits import difference, in_words
from adapters.models import AdapterVersion, BaseModel, BaseRevision
from adapters.services.move_version import move_version, move_versions
from adapters.states import VersionStatus


def standing(version: AdapterVersion) -> tuple[VersionStatus, str]:
    """The status that the version has unless a person retires it, and one sentence why."""
    if (unfit := _newest_unfit(version.base_revision)) is None:
        return VersionStatus.SERVABLE, ""
    retrained = Q(retrains=version)
    if version.recipe_digest:  # see `settle_version`
        retrained |= Q(retrains__isnull=False, recipe_digest=version.recipe_digest, adapter=version.adapter_id)
    successors = AdapterVersion.objects.filter(
        retrained,
        base_revision__base_model=version.base_revision.base_model_id,
        base_revision__number__gt=version.base_revision.number,
    )
    newer = successors.select_related("adapter", "base_revision__base_model").order_by("-number").first()
    if newer is not None:
        return VersionStatus.SUPERSEDED, superseded_by(newer)
    return VersionStatus.STALE, stale_for(version.base_revision, unfit)


def settle_version(version: AdapterVersion) -> None:
    """Within the transaction that registers the version: give it its status, and those that it supersedes theirs.

    The lock on its base model keeps this apart from a revision that is registered at the same time: one of the two
    sees the other.
    """
    base = version.base_revision
    BaseModel.objects.select_for_update().get(pk=base.base_model_id)
    status, reason = standing(version)
    if status != VersionStatus.SERVABLE:
        move_version(version.pk, status, reason=reason)
    if version.retrains_id is None:
        return
    same = Q(pk=version.retrains_id)
    if version.recipe_digest:  # the same recipe that was run twice on the old base is repeated once
        same |= Q(recipe_digest=version.recipe_digest, adapter=version.adapter_id)
    older = AdapterVersion.objects.filter(
        same, base_revision__base_model=base.base_model_id, base_revision__number__lt=base.number
    )
    move_versions(older, VersionStatus.SUPERSEDED, reason=superseded_by(version), only_from=[VersionStatus.STALE])


def reconsider_versions(base_model: BaseModel) -> None:
    """After a revision of `base_model` was deleted: what was stale because of it alone is servable again."""
    for revision in base_model.revisions.filter(adapter_versions__status=VersionStatus.STALE).distinct():
        if _newest_unfit(revision) is None:
            versions = AdapterVersion.objects.filter(base_revision=revision)
            move_versions(versions, VersionStatus.SERVABLE, only_from=[VersionStatus.STALE])


def stale_for(trained_on: BaseRevision, newer: BaseRevision) -> str:
    """Why a version of `trained_on` is stale; `newer` is the revision that it does not fit."""
    words = in_words(difference(trained_on, newer).hard_words)
    return f"{newer} differs from {trained_on} in its {words}; it goes on working on {trained_on}."


def superseded_by(version: AdapterVersion) -> str:
    """Why a version is superseded that `version` retrains."""
    return f"{version} repeats it on {version.base_revision}."


def _newest_unfit(revision: BaseRevision) -> BaseRevision | None:
    """The newest revision of the same base model, after `revision`, that a version of it must not be put on."""
    newer = BaseRevision.objects.filter(base_model=revision.base_model_id, number__gt=revision.number)
    candidates = newer.select_related("base_model").order_by("-number")
    return next((other for other in candidates if difference(revision, other).is_hard), None)
