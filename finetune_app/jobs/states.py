"""The states of a job and of an attempt, and which moves are allowed. Pure, and the only list of them."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    PAUSING = "pausing"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when nothing more will happen to the job."""
        return not JOB_MOVES[self]


JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED, JobState.FAILED}),
    # Back to queued: its worker was lost or shut down, and another attempt follows.
    JobState.RUNNING: frozenset(
        {
            JobState.QUEUED,
            JobState.PAUSING,
            JobState.CANCELLING,
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
        }
    ),
    # A job may still end well or badly before it has stopped; one that lost its worker is paused all the same.
    JobState.PAUSING: frozenset(
        {JobState.PAUSED, JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    # A job may still end well or badly between the click and the stop.
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
FINAL_STATES = frozenset(state for state, moves in JOB_MOVES.items() if not moves)
OPEN_STATES = frozenset(JobState) - FINAL_STATES
WITHOUT_RESULT = (JobState.CANCELLED, JobState.FAILED)
"""The job ended and made nothing; in an order, since a constraint of the table is written with it."""


class AttemptState(StrEnum):
    """How one try on one worker went."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    LOST = "lost"


class Phase(StrEnum):
    """What a running attempt is doing now; shown beside the progress bar."""

    PREPARING = "preparing"
    DOWNLOADING = "downloading"
    READING = "reading"
    LOADING = "loading"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"
    MERGING = "merging"
    PROVING = "proving"
    CONVERTING = "converting"
    SENDING = "sending"
