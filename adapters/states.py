"""Where an adapter version stands, how a base can change, and the work that a worker does for the registry. Pure."""

from enum import StrEnum


class VersionStatus(StrEnum):
    """Where an adapter version stands. Whatever it is, the version stays as it is and can be downloaded."""

    SERVABLE = "servable"
    STALE = "stale"  # its base moved on to a revision that it does not fit; it goes on working on its own
    SUPERSEDED = "superseded"  # it was stale, and a version retrained on the newer base took its place
    RETIRED = "retired"  # a person took it out of use


VERSION_MOVES: dict[VersionStatus, frozenset[VersionStatus]] = {
    VersionStatus.SERVABLE: frozenset({VersionStatus.STALE, VersionStatus.RETIRED}),
    # Back to servable: the base revision that it did not fit was deleted.
    VersionStatus.STALE: frozenset({VersionStatus.SUPERSEDED, VersionStatus.RETIRED, VersionStatus.SERVABLE}),
    VersionStatus.SUPERSEDED: frozenset({VersionStatus.RETIRED}),
    # Taken back into use: as what it would be by now, see `services/standing.py`.
    VersionStatus.RETIRED: frozenset({VersionStatus.SERVABLE, VersionStatus.STALE, VersionStatus.SUPERSEDED}),
}
"""The only list of what may become of a version; `services/move_version.py` follows it."""


class VersionOrigin(StrEnum):
    """How a version came to be."""

    TRAINED = "trained"
    IMPORTED = "imported"
    COMBINED = "combined"  # of several versions, without training


class ChangeKind(StrEnum):
    """What a base revision changes of the one before it, the least first."""

    FIRST = "first"  # there is none before it
    METADATA = "metadata"  # files that change neither what it computes nor what it reads
    CHAT_TEMPLATE = "chat_template"
    TOKENIZER_ADDED = "tokenizer_added"  # tokens beyond the old ones; those keep their ids
    TOKENIZER = "tokenizer"  # existing ids or special tokens
    WEIGHTS = "weights"  # of the same shapes
    ARCHITECTURE = "architecture"


CHANGE_WORDS = {
    ChangeKind.FIRST: "the first",
    ChangeKind.METADATA: "nothing that counts",
    ChangeKind.CHAT_TEMPLATE: "chat template",
    ChangeKind.TOKENIZER_ADDED: "new tokens",
    ChangeKind.TOKENIZER: "tokenizer",
    ChangeKind.WEIGHTS: "weights",
    ChangeKind.ARCHITECTURE: "architecture",
}
HARD_CHANGES = frozenset({ChangeKind.TOKENIZER, ChangeKind.WEIGHTS, ChangeKind.ARCHITECTURE})
"""After these, an adapter of the old revision must not be put on the new one."""
SOFT_CHANGES = frozenset({ChangeKind.CHAT_TEMPLATE, ChangeKind.TOKENIZER_ADDED})
"""After these it may be, and somebody should look at it again."""


class RegistryTaskKind(StrEnum):
    """What a light worker does for the registry; every kind is asked for once for the same params."""

    DELTAS = "deltas"  # the norm of each layer's change, and how alike those of several versions are
    COMBINE = "combine"  # several versions become one
    TIDY = "tidy"  # what the retention rule and the collection of garbage would take, or take
