"""The one check by digest: may this adapter version be put on this base revision?

Asked wherever an adapter meets a base: a job that continues, an import, a merge, an evaluation, serving. What differs
hard is refused with a sentence that names it; what differs softly comes back, for a remark.
An import whose files name their base asks `require_identity_fits` with that (a manifest's `BaseIdentity` has the four
digests as a revision has them); one whose files name none has nothing to check but the person's choice.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from adapters.base_change import BaseFacts, Difference, Digests, compare
from adapters.base_texts import TEXT_FILES
from adapters.models import AdapterVersion, BaseRevision
from adapters.states import VersionStatus
from finetune_app.errors import UserError
from finetune_app.storage import blobs

OTHER_BASE = "adapter_of_other_base"
PAIRS_KEPT = 256


def require_fits(version: AdapterVersion, base: BaseRevision, *, field: str, otherwise: str = "") -> list[str]:
    """The version must be of a base that `base` does not differ from in a way that forbids it.

    Args:
        version: with its adapter and base revision.
        base: the revision that it is to be put on.
        field: the form field that an error belongs to.
        otherwise: what else a person can do, after “Choose tiny@1”, e.g. `, or start from nothing`.

    Returns:
        What differs without forbidding it, in words (`chat template`), for a remark.

    Raises:
        UserError: `adapter_of_other_base`.
    """
    trained_on = version.base_revision
    return _require(
        f"{version} was trained on {trained_on}; {base} differs from it",
        difference(trained_on, base),
        advice=f"Choose {trained_on}{otherwise}.",
        field=field,
    )


def require_identity_fits(what: str, identity: Digests, base: BaseRevision, *, field: str) -> list[str]:
    """The same for an adapter that is no version here: `what` names it, `identity` is the base that its files name.

    Raises:
        UserError: `adapter_of_other_base`.
    """
    return _require(
        f"{what} says which base it was trained on; {base} differs from that",
        compare(BaseFacts(identity), facts_of(base)),
        advice="Choose the base revision that it names, or register that one first.",
        field=field,
    )


def require_usable(version: AdapterVersion, *, field: str) -> None:
    """The version must not have been taken out of use; a stale or superseded one goes on working on its own base.

    Raises:
        UserError: `adapter_version_retired`.
    """
    if version.status == VersionStatus.RETIRED:
        reason = f" ({version.status_reason.rstrip('.')})" if version.status_reason else ""
        raise UserError(
            "adapter_version_retired",
            f"{version} was taken out of use{reason}. Choose another version, or take it back into use first.",
            field=field,
        )


def difference(old: BaseRevision, new: BaseRevision) -> Difference:
    """All that `new` has otherwise than `old`; files are read only where the digests leave a question open.

    What the storage has lost counts as the graver case.
    """
    return _difference(_Known.of(old), _Known.of(new))


def facts_of(revision: BaseRevision) -> BaseFacts:
    """The revision for `base_change.compare`; nothing is read yet."""
    return BaseFacts(revision, leaf_lines=lambda: _read(revision.leaves_sha256), texts=lambda: _texts_of(revision))


def in_words(words: list[str]) -> str:
    """`weights`, or `weights and its tokenizer`, to stand after “its”."""
    return " and its ".join(words)


@dataclass(frozen=True)
class _Known:
    """A revision that equals another one when its content does, so that no pair is compared twice."""

    digests: tuple[str, ...]
    revision: BaseRevision = field(compare=False)

    @classmethod
    def of(cls, base: BaseRevision) -> "_Known":
        return cls((base.weights_root, base.arch_digest, base.tokenizer_digest, base.chat_template_digest), base)


@lru_cache(maxsize=PAIRS_KEPT)
def _difference(old: _Known, new: _Known) -> Difference:
    return compare(facts_of(old.revision), facts_of(new.revision))


def _texts_of(revision: BaseRevision) -> dict[str, bytes] | None:
    found = {file["path"]: _read(file["sha256"]) for file in revision.files if file["path"] in TEXT_FILES}
    known = {path: content for path, content in found.items() if content is not None}
    return known if len(known) == len(found) else None


def _read(sha256: str) -> bytes | None:
    try:
        return blobs.read(sha256)
    except (blobs.BlobMissing, blobs.BlobDamaged):
        return None


def _require(differs: str, found: Difference, *, advice: str, field: str) -> list[str]:
    if found.is_hard:
        raise UserError(OTHER_BASE, f"{differs} in its {in_words(found.hard_words)}. {advice}", field=field)
    return found.soft_words
