"""A retention rule lets exactly that go which it says, whatever the versions are."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finetune_app.housekeeping.retention import Candidate, Rule, Stay, decide

NOW = datetime(2026, 5, 1, tzinfo=UTC)
candidates = st.lists(
    st.builds(
        Candidate,
        adapter=st.integers(1, 3),
        number=st.integers(1, 30),
        made_at=st.integers(0, 60).map(lambda days: NOW - timedelta(days=days)),
        has_alias=st.booleans(),
        is_tagged=st.booleans(),
        is_used=st.booleans(),
    ),
    unique_by=lambda version: (version.adapter, version.number),
    max_size=40,
)
rules = st.builds(Rule, keep_last=st.none() | st.integers(1, 10), keep_days=st.none() | st.integers(1, 50))

on_any_machine = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def going(versions, rule):
    return {version for version, reason in decide(versions, rule, NOW).items() if reason is None}


@on_any_machine
@given(candidates, rules)
def test_what_goes_is_old_beyond_the_last_and_held_by_nobody_and_all_of_that_goes(versions, rule):
    gone = going(versions, rule)
    for version in versions:
        newer = [other for other in versions if other.adapter == version.adapter and other.number > version.number]
        may_go = (
            rule.keep_last is not None
            and len(newer) >= rule.keep_last
            and (rule.keep_days is None or NOW - version.made_at >= timedelta(days=rule.keep_days))
            and not (version.has_alias or version.is_tagged or version.is_used)
        )
        assert (version in gone) == may_go


@on_any_machine
@given(candidates, rules)
def test_every_adapter_keeps_its_last_ones(versions, rule):
    left, before = defaultdict(int), defaultdict(int)
    gone = going(versions, rule)
    for version in versions:
        before[version.adapter] += 1
        left[version.adapter] += version not in gone
    assert all(left[adapter] >= min(before[adapter], rule.keep_last or 1) for adapter in before)


@on_any_machine
@given(candidates, rules)
def test_keeping_more_never_lets_more_go(versions, rule):
    more = Rule(None if rule.keep_last is None else rule.keep_last + 1, (rule.keep_days or 0) + 1)
    assert going(versions, more) <= going(versions, rule)


@on_any_machine
@given(candidates, rules, st.randoms())
def test_the_order_is_no_matter_and_a_second_time_nothing_goes(versions, rule, random):
    gone = going(versions, rule)
    shuffled = random.sample(versions, len(versions))
    assert going(shuffled, rule) == gone
    assert going([version for version in versions if version not in gone], rule) == set()


def test_each_that_stays_says_why():
    old = NOW - timedelta(days=90)
    versions = [
        Candidate(1, 1, old),
        Candidate(1, 2, old, is_used=True),
        Candidate(1, 3, old, is_tagged=True, is_used=True),
        Candidate(1, 4, old, has_alias=True, is_tagged=True),
        Candidate(1, 5, NOW),
        Candidate(1, 6, old),
    ]
    reasons = [None, Stay.IN_USE, Stay.TAG, Stay.ALIAS, Stay.YOUNG, Stay.LAST]
    assert list(decide(versions, Rule(keep_last=1, keep_days=30), NOW).values()) == reasons
    assert set(decide(versions, Rule(keep_days=30), NOW).values()) == {Stay.NO_RULE}
