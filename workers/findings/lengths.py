"""Answers far shorter or longer than the others of the same version. Pure.

The rule is the modified z-score of Iglewicz and Hoaglin (1993) on the logarithm of the length in characters: more than
3.5 robust deviations (1.4826 x the median absolute deviation) away from the median. One long answer does not move it,
unlike a mean. Where more than half of the lengths are alike the deviation is 0, so an outlier must also be at least
four times as short or as long as the median. Below 50 rows there is nothing to compare with.
"""

from array import array
from dataclasses import dataclass

import numpy as np

CUT_OFF = 3.5
TO_DEVIATION = 1.4826
LEAST_FACTOR = 4.0
LEAST_ROWS = 50


@dataclass(frozen=True)
class LengthRule:
    """What counts as an outlier; lengths in characters."""

    median: float = 0.0
    shortest: float = 0.0
    longest: float = float("inf")

    @classmethod
    def of(cls, lengths: "array[int]") -> "LengthRule":
        """The rule for a version whose answers have these lengths."""
        if len(lengths) < LEAST_ROWS:
            return cls()
        logs = np.log(np.maximum(np.frombuffer(lengths, dtype=np.uint32), 1))
        median = float(np.median(logs))
        deviation = TO_DEVIATION * float(np.median(np.abs(logs - median)))
        reach = max(CUT_OFF * deviation, float(np.log(LEAST_FACTOR)))
        return cls(*np.exp([median, median - reach, median + reach]).tolist())

    def short(self, learned: str) -> str | None:
        """How short the answer is; None when it is not too short."""
        return self._compared(learned) if len(learned) < self.shortest else None

    def long(self, learned: str) -> str | None:
        """How long the answer is; None when it is not too long."""
        return self._compared(learned) if len(learned) > self.longest else None

    def _compared(self, learned: str) -> str:
        return f"{len(learned):,} characters; the median is {self.median:,.0f}."
