"""The priorities of a job: their words and the numbers that the queue sorts by. Pure, and the only list of them."""

from enum import StrEnum


class Priority(StrEnum):
    """Of two waiting jobs the one with the higher priority starts first, whosesoever they are."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def number(self) -> int:
        """What `Job.priority` holds."""
        return NUMBERS[self]


NUMBERS = {Priority.LOW: -1, Priority.NORMAL: 0, Priority.HIGH: 1}


def priority_of(number: int) -> Priority:
    """The word for what `Job.priority` holds."""
    return next((priority for priority, known in NUMBERS.items() if known == number), Priority.NORMAL)
