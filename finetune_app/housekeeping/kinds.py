"""What the bytes in the storage belong to. Pure."""

from enum import StrEnum


class Kind(StrEnum):
    """What a blob belongs to; one that belongs to several counts for the first of them."""

    DATASETS = "datasets"
    BASES = "bases"
    ADAPTERS = "adapters"
    CHECKPOINTS = "checkpoints"
    LOGS = "logs"
    OTHER = "other"


KIND_TITLES = {
    Kind.DATASETS: "Datasets, with their indexes and reports",
    Kind.BASES: "Base models",
    Kind.ADAPTERS: "Adapters",
    Kind.CHECKPOINTS: "Checkpoints of jobs",
    Kind.LOGS: "Logs of jobs",
    Kind.OTHER: "Other",
}
