"""Compares two base revisions by what the storage holds of them; no weights are read."""

from functools import lru_cache

from adapters.base_diff import BaseDiff
from adapters.base_diff import compare_bases as compare
from adapters.models import BaseRevision
from adapters.services.read_base_texts import read_base_texts
from finetune_app.storage import blobs


def compare_bases(old: BaseRevision, new: BaseRevision) -> BaseDiff:
    """What `new` changes of `old`.

    Raises:
        UserError: a file cannot be looked into.
        blobs.BlobMissing: the storage lost one.
        blobs.BlobDamaged: one is not what it was.
    """
    return _compare(_Side(old), _Side(new))


class _Side:
    """A revision as the memory of comparisons knows it: revisions never change, and large tokenizers take seconds."""

    def __init__(self, revision: BaseRevision) -> None:
        self.revision = revision

    def __hash__(self) -> int:
        return hash(self.revision.pk)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Side) and _key(self.revision) == _key(other.revision)


def _key(revision: BaseRevision) -> tuple[int, str, str]:
    """Another revision may get the key of a deleted one."""
    return revision.pk, revision.leaves_sha256, str(revision.files)


@lru_cache(maxsize=8)
def _compare(old: _Side, new: _Side) -> BaseDiff:
    return compare(
        read_base_texts(old.revision),
        blobs.read(old.revision.leaves_sha256),
        read_base_texts(new.revision),
        blobs.read(new.revision.leaves_sha256),
    )
