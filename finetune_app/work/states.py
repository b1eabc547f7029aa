"""The states of a piece of work that a worker does besides training. Pure."""

from enum import StrEnum


class TaskState(StrEnum):
    """Where a task stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


DOWNLOADING = "downloading"  # the one phase that a page names; the worker's `Phase` has this value
CANCELLED = "cancelled"  # the error code of what a person stopped
OPEN_TASK_STATES = frozenset({TaskState.QUEUED, TaskState.RUNNING})
