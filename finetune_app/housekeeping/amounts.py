"""What a look at the storage found, as it is kept with the task and told over REST. Pure."""

from datetime import datetime
from itertools import pairwise
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from finetune_app.housekeeping.kinds import Kind
from finetune_app.housekeeping.retention import Stay

DAY = 24 * 3600.0
WEEK = 7 * DAY


class Amount(BaseModel):
    """So many blobs or files, and their bytes."""

    model_config = ConfigDict(frozen=True)

    count: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, counted: tuple[int, int]) -> Self:
        """From a count and a sum."""
        return cls(count=counted[0], bytes=counted[1])

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(count=self.count + other.count, bytes=self.bytes + other.bytes)


class StorageLook(BaseModel):
    """What the storage holds, and what of it nothing names."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kinds: dict[Kind, Amount] = Field(description="Of the workspace: bytes that several share count once.")
    unnamed: dict[str, Amount] = Field(description="Blobs that nothing names, by the time since they were last put.")
    collectable: Amount = Field(description="Those of them that are old enough, with files that came in and were left.")
    removed: Amount = Field(Amount(), description="What this run took; nothing in a dry run.")
    unfinished: int = Field(0, description="Half written files of programs that died, which this run took.")


class GoingVersion(BaseModel):
    """A version that the rule lets go."""

    model_config = ConfigDict(frozen=True)

    version: str = Field(description="`name@3`")
    bytes: int = Field(description="Of its files; what other versions share with it stays.")


class StayingVersion(BaseModel):
    """A version that stays."""

    model_config = ConfigDict(frozen=True)

    version: str = Field(description="`name@3`")
    reason: Stay = Field(description="Why; of several reasons the first.")


class RetentionLook(BaseModel):
    """What the retention rule lets go."""

    model_config = ConfigDict(frozen=True)

    keep_last: int | None = Field(description="The rule at that time.")
    keep_days: int | None
    going: Amount = Field(description="Versions that go, and the bytes of their files.")
    versions: list[GoingVersion] = Field(description="The first 1,000 of them.")
    staying: dict[Stay, int] = Field(description="How many stay, by the reason.")
    stays: list[StayingVersion] = Field(description="The first 1,000 of them, those beyond the last ones first.")
    removed: int = Field(0, description="How many this run deleted; 0 in a dry run.")


class TidyLook(BaseModel):
    """What a run of keeping house found."""

    model_config = ConfigDict(frozen=True)

    storage: StorageLook
    retention: RetentionLook


def age_groups(grace: float) -> dict[str, tuple[float, float]]:
    """Title → ages in seconds from and up to, for what nothing names; the first is still in its grace."""
    edges = [grace, *(edge for edge in (WEEK, 30 * DAY) if edge > grace)]
    groups = {f"younger than {_words(grace)}": (float("-inf"), grace)}
    for begin, end in pairwise(edges):
        groups[f"{_words(begin)} to {_words(end)}"] = (begin, end)
    groups[f"older than {_words(edges[-1])}"] = (edges[-1], float("inf"))
    return groups


def _words(seconds: float) -> str:
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:g} days"
    return f"{seconds / 3600:.3g} h"
