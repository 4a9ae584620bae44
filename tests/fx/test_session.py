"""The market's time: the roll of the trade date, the week, and the end of the day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, NS_PER_US, parse_rfc3339
from tallystick.fx import INSTRUMENTS, Pair, Session, end_of_day_ns, pair, session, trade_date

PAIRS_ANY = st.sampled_from(list(INSTRUMENTS.values()))
NEW_YORK = ZoneInfo("America/New_York")
MOMENTS = st.datetimes(datetime(1999, 1, 2), datetime(2099, 12, 1))  # noqa: DTZ001  naive bounds


def ns(stamp: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 stamp."""
    return parse_rfc3339(stamp)


def local_ns(stamp: str, zone: str) -> int:
    """Nanoseconds since the epoch of a local time."""
    moment = datetime.fromisoformat(stamp).replace(tzinfo=ZoneInfo(zone))
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * NS_PER_US


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        # New York in summer (UTC-4) and in winter (UTC-5).
        ("2026-07-15T20:59:59.999999Z", "2026-07-15"),
        ("2026-07-15T21:00:00Z", "2026-07-16"),
        ("2026-11-18T21:59:59.999999Z", "2026-11-18"),
        ("2026-11-18T22:00:00Z", "2026-11-19"),
        # The week ends on Friday at 17:00; what comes then is Monday's.
        ("2026-11-20T21:59:59.999999Z", "2026-11-20"),
        ("2026-11-20T22:00:00Z", "2026-11-23"),
        ("2026-11-21T12:00:00Z", "2026-11-23"),
        ("2026-11-22T22:00:00Z", "2026-11-23"),
        ("2026-11-23T21:59:59.999999Z", "2026-11-23"),
        # The clocks change on the Sunday: Friday's close and Monday's differ by an hour in UTC.
        ("2026-03-06T21:59:59.999999Z", "2026-03-06"),
        ("2026-03-06T22:00:00Z", "2026-03-09"),
        ("2026-03-09T20:59:59.999999Z", "2026-03-09"),
        ("2026-03-09T21:00:00Z", "2026-03-10"),
        ("2026-10-30T20:59:59.999999Z", "2026-10-30"),
        ("2026-10-30T21:00:00Z", "2026-11-02"),
        ("2026-11-02T21:59:59.999999Z", "2026-11-02"),
        ("2026-11-02T22:00:00Z", "2026-11-03"),
    ],
)
def test_the_trade_date_rolls_at_five_in_new_york(stamp: str, day: str) -> None:
    """16:59:59.999999 is today, 17:00 tomorrow, in either half of the year."""
    assert trade_date(ns(stamp), pair("EUR/USD")).isoformat() == day


@pytest.mark.parametrize(
    ("local", "day"),
    [
        ("2026-07-15T06:59:59.999999", "2026-07-14"),
        ("2026-07-15T07:00:00", "2026-07-15"),
        ("2026-11-18T06:59:59.999999", "2026-11-17"),
        ("2026-11-18T07:00:00", "2026-11-18"),
        # Saturday morning in Auckland is Friday in New York: the week ends there, at 11:00.
        ("2026-11-21T10:59:59.999999", "2026-11-20"),
        ("2026-11-21T11:00:00", "2026-11-23"),
        ("2026-11-23T07:00:00", "2026-11-23"),
        ("2026-11-24T06:59:59.999999", "2026-11-23"),
        ("2026-11-24T07:00:00", "2026-11-24"),
    ],
)
def test_the_kiwi_rolls_at_seven_in_auckland(local: str, day: str) -> None:
    """NZD/USD has its own hour; its crosses do not."""
    assert trade_date(local_ns(local, "Pacific/Auckland"), pair("NZD/USD")).isoformat() == day


@pytest.mark.parametrize(
    ("local", "day"),
    [
        ("2026-11-18T11:59:59.999999", "2026-11-18"),
        ("2026-11-18T12:00:00", "2026-11-19"),
        # On Friday at noon it is Monday's; there is no later roll in New York.
        ("2026-11-20T11:59:59.999999", "2026-11-20"),
        ("2026-11-20T12:00:00", "2026-11-23"),
        ("2026-11-21T02:00:00", "2026-11-23"),
        ("2026-11-23T11:59:59.999999", "2026-11-23"),
        ("2026-11-23T12:00:00", "2026-11-24"),
    ],
)
def test_the_riyal_rolls_at_noon_in_riyadh(local: str, day: str) -> None:
    """USD/SAR has its own hour too."""
    assert trade_date(local_ns(local, "Asia/Riyadh"), pair("USD/SAR")).isoformat() == day


def test_one_moment_may_have_two_trade_dates() -> None:
    """Between the two rolls NZD/USD is a day ahead, and asking for one does not move the other."""
    at = ns("2026-11-18T19:00:00Z")
    for _ in range(2):
        assert trade_date(at, pair("NZD/USD")) == date(2026, 11, 19)
        assert trade_date(at, pair("NZD/JPY")) == date(2026, 11, 18)


@given(MOMENTS, PAIRS_ANY)
def test_the_trade_date_follows_the_local_clock(moment: datetime, each: Pair) -> None:
    """At any moment it is the local date, shifted by the roll, moved off the weekend."""
    at = local_ns(moment.isoformat(), "UTC")
    in_new_york = moment.replace(tzinfo=UTC).astimezone(ZoneInfo("America/New_York"))
    expected = (in_new_york.replace(tzinfo=None) + timedelta(hours=7)).date()
    if each.symbol == "NZD/USD" and expected.weekday() < 5:
        in_auckland = moment.replace(tzinfo=UTC).astimezone(ZoneInfo("Pacific/Auckland"))
        shifted = (in_auckland.replace(tzinfo=None) - timedelta(hours=7)).date()
        expected = shifted if shifted.weekday() < 5 else expected
    if each.symbol == "USD/SAR":
        in_riyadh = moment.replace(tzinfo=UTC).astimezone(ZoneInfo("Asia/Riyadh"))
        expected = (in_riyadh.replace(tzinfo=None) + timedelta(hours=12)).date()
    while expected.weekday() > 4:
        expected += timedelta(days=1)
    assert trade_date(at, each) == expected


@given(st.integers(915_148_800, 4_000_000_000), st.integers(0, 10 * 86_400), PAIRS_ANY)
def test_the_trade_date_never_goes_back(second: int, later: int, each: Pair) -> None:
    """Time forward, trade date forward or the same, in whatever order it is asked for."""
    after = trade_date((second + later) * 1_000_000_000, each)
    assert trade_date(second * 1_000_000_000, each) <= after


@pytest.mark.parametrize(
    ("stamp", "is_open", "changes"),
    [
        # Winter: 17:00 in New York is 22:00 UTC.
        ("2026-11-20T21:59:59.999999Z", True, "2026-11-20T22:00:00Z"),
        ("2026-11-20T22:00:00Z", False, "2026-11-22T22:00:00Z"),
        ("2026-11-22T04:08:16Z", False, "2026-11-22T22:00:00Z"),
        ("2026-11-22T21:59:59.999999Z", False, "2026-11-22T22:00:00Z"),
        ("2026-11-22T22:00:00Z", True, "2026-11-27T22:00:00Z"),
        ("2026-11-25T12:00:00Z", True, "2026-11-27T22:00:00Z"),
        # Summer: 21:00 UTC.
        ("2026-07-19T20:59:59.999999Z", False, "2026-07-19T21:00:00Z"),
        ("2026-07-19T21:00:00Z", True, "2026-07-24T21:00:00Z"),
        # The clocks change on the Sunday between the close and the opening.
        ("2026-03-07T12:00:00Z", False, "2026-03-08T21:00:00Z"),
        ("2026-03-06T21:30:00Z", True, "2026-03-06T22:00:00Z"),
        ("2026-10-31T12:00:00Z", False, "2026-11-01T22:00:00Z"),
        ("2026-10-30T20:30:00Z", True, "2026-10-30T21:00:00Z"),
    ],
)
def test_the_week_is_new_yorks(stamp: str, is_open: bool, changes: str) -> None:
    """It opens on Sunday at 17:00 and closes on Friday at 17:00, in summer and in winter."""
    assert session(ns(stamp)) == Session(open=is_open, changes_ns=ns(changes))


@given(MOMENTS)
def test_the_week_follows_the_local_clock(moment: datetime) -> None:
    """At any moment, and in any order: open by the clock in New York, and truly changing then."""
    at = local_ns(moment.isoformat(), "UTC")
    there = moment.replace(tzinfo=UTC).astimezone(NEW_YORK)
    day, hour = there.weekday(), there.hour
    is_open = day < 4 or (day == 4 and hour < 17) or (day == 6 and hour >= 17)
    found = session(at)
    assert found.open == is_open
    assert at < found.changes_ns <= at + 7 * 86_400 * NS_PER_SECOND
    assert session(found.changes_ns).open != is_open
    assert session(found.changes_ns - 1) == found == session(at)


@pytest.mark.parametrize(
    ("stamp", "end"),
    [
        ("2026-11-18T21:59:59.999999Z", "2026-11-18T22:00:00Z"),
        ("2026-11-18T22:00:00Z", "2026-11-19T22:00:00Z"),
        ("2026-07-15T12:00:00Z", "2026-07-15T21:00:00Z"),
        # Over the weekend it is Monday's: nothing is dealt before.
        ("2026-11-20T22:00:00Z", "2026-11-23T22:00:00Z"),
        ("2026-11-22T23:00:00Z", "2026-11-23T22:00:00Z"),
        ("2026-03-07T12:00:00Z", "2026-03-09T21:00:00Z"),
    ],
)
def test_a_day_ends_at_five_in_new_york(stamp: str, end: str) -> None:
    """Good for day is good until the next 17:00 of a weekday there."""
    assert end_of_day_ns(ns(stamp)) == ns(end)


@given(MOMENTS)
def test_a_day_ends_when_the_trade_date_rolls(moment: datetime) -> None:
    """Until then the trade date is the same, from then on another."""
    at, euro = local_ns(moment.isoformat(), "UTC"), pair("EUR/USD")
    end = end_of_day_ns(at)
    assert trade_date(at, euro) == trade_date(end - 1, euro) < trade_date(end, euro)
    there = datetime.fromtimestamp(end // NS_PER_SECOND, NEW_YORK)
    assert (there.hour, there.minute, there.second) == (17, 0, 0)
    assert there.weekday() <= 4
