"""When people trade: office hours where they live, month ends, holidays, the news."""

import random
from datetime import date

from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.hours import (
    DAY_NS,
    EVENINGS,
    HOUR_NS,
    MARKET,
    MORNING,
    OFFICE,
    Calendar,
    day_of,
    local_hour,
    month_end,
    open_at,
)

MARCH_NS = 1_772_323_200_000_000_000
"""2026-03-01T00:00:00Z, a Sunday."""
MINUTE_NS = HOUR_NS // 60


def test_hours_are_local_and_know_the_clock_changes() -> None:
    """New York is five hours behind on 2 March and four on 9 March 2026."""
    monday = MARCH_NS + DAY_NS + 14 * HOUR_NS

    assert local_hour(monday, "America/New_York") == (date(2026, 3, 2), 9)
    assert local_hour(monday + 7 * DAY_NS, "America/New_York") == (date(2026, 3, 9), 10)
    assert local_hour(monday, "Asia/Tokyo") == (date(2026, 3, 2), 23)


def test_every_day_has_twenty_four_hours_and_a_night() -> None:
    """Offices, funds and private people sleep; the market does not."""
    assert {len(one) for one in (MARKET, OFFICE, EVENINGS, MORNING)} == {24}
    assert min(MARKET) > 0
    assert all(min(one) == 0 for one in (OFFICE, EVENINGS, MORNING))


def test_the_last_days_of_a_month_are_busy_and_of_a_quarter_busier() -> None:
    """Rebalancing: the last three weekdays, most on the last one."""
    assert month_end(date(2026, 3, 20)) == 1
    assert month_end(date(2026, 3, 31)) > month_end(date(2026, 3, 30)) > 1
    assert month_end(date(2026, 3, 31)) == 2 * month_end(date(2026, 4, 30))


def test_holidays_are_the_calendars() -> None:
    """Good Friday in London, not in Tokyo; no weekend is worked."""
    assert not open_at(date(2026, 4, 3), "GBP")
    assert open_at(date(2026, 4, 3), "JPY")
    assert not open_at(date(2026, 3, 20), "JPY")
    assert not open_at(date(2026, 3, 7), "USD")


def test_the_jobs_report_is_the_news_of_a_months_first_friday() -> None:
    """At half past eight in New York: a shock that is over in minutes, a stir that lasts longer."""
    for seed in range(5):
        calendar = Calendar(MARCH_NS, 31, Dice(random.Random(seed)))  # noqa: S311  a simulation
        jobs = next(one for one in calendar.news if day_of(one.at_ns) == date(2026, 3, 6))
        assert jobs.at_ns % DAY_NS == 13.5 * HOUR_NS
        assert jobs.size >= 1.5
        quiet = calendar.excitement(jobs.at_ns - 5 * MINUTE_NS)
        wary = calendar.excitement(jobs.at_ns - MINUTE_NS // 6)
        shock = calendar.excitement(jobs.at_ns)
        later = calendar.excitement(jobs.at_ns + 5 * MINUTE_NS)
        assert quiet.fast < wary.fast < shock.fast
        assert later.fast < 0.01 * shock.fast
        assert later.slow > 0.5 * shock.slow


def test_steps_are_short_while_the_news_is_hot() -> None:
    """And none goes past the minute before figures."""
    calendar = Calendar(MARCH_NS, 31, Dice(random.Random(1)))  # noqa: S311  a simulation
    first = calendar.news[0].at_ns

    assert calendar.step_ns(first - 5 * MINUTE_NS, 10 * MINUTE_NS) == 4 * MINUTE_NS
    assert calendar.step_ns(first, 10 * MINUTE_NS) == MINUTE_NS // 4
    assert calendar.step_ns(first + 10 * MINUTE_NS, 10 * MINUTE_NS) == MINUTE_NS
