"""Mute times: weekdays, hours, days of the month, months, years, by the clock of a zone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.notify.config import IntervalText, MuteText, TimesText
from tallystick.watch.notify.routing import Mute


def ns(text: str) -> int:
    """A moment of UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def mute(zone: str = "UTC", **interval: Any) -> Mute:
    """One interval."""
    text = MuteText((IntervalText(**interval),), zone)
    return Mute.of("mute_times.x", text)


# 2026-11-22 is a Sunday.
@pytest.mark.parametrize(
    ("interval", "moment", "holds"),
    [
        ({}, "2026-11-22T12:00", True),
        ({"weekdays": ("saturday:sunday",)}, "2026-11-22T12:00", True),
        ({"weekdays": ("saturday:sunday",)}, "2026-11-23T00:00", False),
        ({"weekdays": ("Monday", "friday")}, "2026-11-27T12:00", True),
        ({"times": (TimesText("22:00", "24:00"),)}, "2026-11-22T23:59", True),
        ({"times": (TimesText("22:00", "24:00"),)}, "2026-11-23T00:00", False),
        ({"times": (TimesText("09:00", "17:30"),)}, "2026-11-22T17:30", False),
        ({"times": (TimesText("09:00", "17:30"),)}, "2026-11-22T17:29", True),
        ({"days_of_month": ("1:5",)}, "2026-11-05T12:00", True),
        ({"days_of_month": ("-3:-1",)}, "2026-02-26T12:00", True),
        ({"days_of_month": ("-3:-1",)}, "2026-02-25T12:00", False),
        ({"days_of_month": ("31",)}, "2026-02-28T12:00", False),
        ({"days_of_month": ("15:-1",)}, "2026-02-28T12:00", True),
        ({"months": ("may:august", "12")}, "2026-12-01T12:00", True),
        ({"months": ("may:august",)}, "2026-09-01T12:00", False),
        ({"years": ("2026:2027",)}, "2028-01-01T00:00", False),
        ({"weekdays": ("sunday",), "months": ("1",)}, "2026-11-22T12:00", False),
    ],
)
def test_an_interval_holds_when_all_its_conditions_do(
    interval: dict[str, Any], moment: str, *, holds: bool
) -> None:
    """As Alertmanager's time intervals; the end of a time is not in it."""
    assert mute(**interval).holds(ns(moment)) is holds


def test_the_zones_clock_counts_also_in_summer() -> None:
    """Five in the afternoon of New York is 22:00 UTC in winter, 21:00 in summer."""
    close = mute("America/New_York", times=(TimesText("17:00", "18:00"),))
    assert close.holds(ns("2026-01-15T22:30"))
    assert not close.holds(ns("2026-01-15T21:30"))
    assert close.holds(ns("2026-07-15T21:30"))


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        ({"times": (TimesText("22:00", "06:00"),)}, "past midnight"),
        ({"times": (TimesText("9:00", "10:00"),)}, "'9:00' is no time"),
        ({"times": (TimesText("00:00", "24:01"),)}, "'24:01' is no time"),
        ({"weekdays": ("sunnday",)}, "'sunnday' is not possible"),
        ({"weekdays": ("1",)}, "'1' is not possible"),
        ({"weekdays": ("friday:monday",)}, "does not end after it starts"),
        ({"months": ("13",)}, "'13' is not possible"),
        ({"days_of_month": ("0",)}, "'0' is not possible"),
        ({"days_of_month": ("-1:-3",)}, "does not end"),
    ],
)
def test_an_impossible_interval_says_what_is_wrong(interval: dict[str, Any], sentence: str) -> None:
    """With its place."""
    with pytest.raises(Misconfigured, match=sentence) as wrong:
        mute(**interval)
    assert str(wrong.value).startswith("mute_times.x.intervals[0].")


def test_an_unknown_zone_is_said() -> None:
    """And what one looks like."""
    with pytest.raises(Misconfigured, match=r"mute_times\.x\.time_zone: 'London' is no time zone"):
        mute("London")
