"""What the bytes in the storage belong to. Pure."""

from enum import StrEnum


class Kind(StrEnum):
    """What a blob belongs to; one that belongs to several counts for the first of them."""

    DATASETS = "datasets"
    BASES = "bases"
    ADAPTERS = "adapters"
    MERGED = "merged"
    EXPORTS = "exports"
    CHECKPOINTS = "checkpoints"
    LOGS = "logs"
    OTHER = "other"


KIND_TITLES = {
    Kind.DATASETS: "Datasets, with their indexes and reports",
    Kind.BASES: "Base models",
    Kind.ADAPTERS: "Adapters",
    Kind.MERGED: "Merged models",
    Kind.EXPORTS: "Exports of merged models",
    Kind.CHECKPOINTS: "Checkpoints of jobs",
    Kind.LOGS: "Logs of jobs",
    Kind.OTHER: "Other",
}
