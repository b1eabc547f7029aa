"""Which adapter versions a rule lets go, and why the others stay. Pure.

Nothing goes but what is old and beyond the last ones of its adapter, and that nobody holds on to: no alias, no tag
`keep`, nothing that depends on it. What depends on a version that goes itself still holds it; it goes the next time.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

KEEP_TAG = "keep"


class Stay(StrEnum):
    """Why a version stays; of several reasons the first."""

    NO_RULE = "no_rule"
    LAST = "last"
    YOUNG = "young"
    ALIAS = "alias"
    TAG = "tag"
    IN_USE = "in_use"


STAY_TITLES = {
    Stay.NO_RULE: "no rule lets versions go",
    Stay.LAST: "among the last of its adapter",
    Stay.YOUNG: "younger than the rule asks",
    Stay.ALIAS: "an alias means it",
    Stay.TAG: f"tagged “{KEEP_TAG}”",
    Stay.IN_USE: "something depends on it",
}


@dataclass(frozen=True)
class Rule:
    """`keep_last` versions of each adapter stay (None: all of them), and those younger than `keep_days`."""

    keep_last: int | None = None
    keep_days: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A version as far as a rule is concerned."""

    adapter: int
    number: int
    made_at: datetime
    has_alias: bool = False
    is_tagged: bool = False
    is_used: bool = False


def decide(candidates: Iterable[Candidate], rule: Rule, now: datetime) -> dict[Candidate, Stay | None]:
    """For each version why it stays, or None when it goes. All versions of an adapter must be among them."""
    versions = list(candidates)
    last = _last_numbers(versions, rule.keep_last)
    return {version: _why_it_stays(version, rule, now, last) for version in versions}


def _last_numbers(versions: list[Candidate], keep_last: int | None) -> dict[int, int]:
    """For each adapter the smallest number that is among its last ones."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for version in versions:
        numbers[version.adapter].append(version.number)
    return {adapter: sorted(found)[-(keep_last or len(found)) :][0] for adapter, found in numbers.items()}


def _why_it_stays(version: Candidate, rule: Rule, now: datetime, last: dict[int, int]) -> Stay | None:
    checks = {
        Stay.NO_RULE: rule.keep_last is None,
        Stay.LAST: version.number >= last[version.adapter],
        Stay.YOUNG: rule.keep_days is not None and now - version.made_at < timedelta(days=rule.keep_days),
        Stay.ALIAS: version.has_alias,
        Stay.TAG: version.is_tagged,
        Stay.IN_USE: version.is_used,
    }
    return next((reason for reason, holds in checks.items() if holds), None)
