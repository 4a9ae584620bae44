"""Suppressors: who is not told, until when, by CloudWatch's wait and extension periods."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.alarm import Alarm, State, Suppressor
from tallystick.watch.alarms.suppress import held

WAIT, EXTENSION = 60, 120
ALARM = Alarm("a", "A", suppressor=Suppressor("storm", WAIT, EXTENSION))


def _held(since: int, other: State, left: int | None, now: int) -> tuple[str, int | None] | None:
    found = held(
        ALARM,
        since * NS_PER_SECOND,
        other,
        None if left is None else left * NS_PER_SECOND,
        now * NS_PER_SECOND,
    )
    if found is None:
        return None
    assert "storm" in found.sentence
    return found.by, None if found.until_ns is None else found.until_ns // NS_PER_SECOND


def test_without_a_suppressor_it_is_told_at_once() -> None:
    """Most alarms have none."""
    assert held(Alarm("a", "A"), 0, "ALARM", 0, 0) is None


@pytest.mark.parametrize(
    ("since", "other", "left", "now", "wanted"),
    [
        (100, "ALARM", None, 100, ("Alarm", None)),
        (100, "ALARM", 50, 999, ("Alarm", None)),
        (100, "OK", None, 100, ("WaitPeriod", 160)),
        (100, "INSUFFICIENT_DATA", None, 159, ("WaitPeriod", 160)),
        (100, "OK", None, 160, None),
        (100, "OK", 130, 140, ("ExtensionPeriod", 250)),
        (100, "OK", 130, 249, ("ExtensionPeriod", 250)),
        (100, "OK", 130, 250, None),
        (100, "OK", 95, 100, ("ExtensionPeriod", 215)),
        (300, "OK", 100, 300, ("WaitPeriod", 360)),
    ],
)
def test_the_three_ways_to_be_held(
    since: int, other: State, left: int | None, now: int, wanted: tuple[str, int | None] | None
) -> None:
    """While it fires; for a while after; and for a moment before it may."""
    assert _held(since, other, left, now) == wanted


def test_the_documented_course() -> None:
    """The alarm fires at t2, the suppressor at t4 within the wait; nobody is told.

    The suppressor goes back at t20; what still fires when the extension has passed is told.
    """
    assert _held(2, "OK", None, 2) == ("WaitPeriod", 62)
    assert _held(2, "ALARM", None, 4) == ("Alarm", None)
    assert _held(2, "OK", 20, 20) == ("ExtensionPeriod", 140)
    assert _held(2, "OK", 20, 140) is None


@given(
    st.integers(0, 500),
    st.sampled_from(["OK", "INSUFFICIENT_DATA"]),
    st.one_of(st.none(), st.integers(0, 500)),
    st.integers(0, 1_000),
)
def test_nothing_is_held_for_ever(since: int, other: State, left: int | None, after: int) -> None:
    """Asked again when it said to, it says a later moment or lets go: at most twice."""
    now = max(since, left or 0) + after
    for _ in range(3):
        found = _held(since, other, left, now)
        if found is None:
            return
        assert found[1] is not None
        assert found[1] > now
        now = found[1]
    pytest.fail("still held")
