"""Schedules: AWS's documented expressions, the change of clocks, and every complaint."""

from datetime import UTC, datetime

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused
from tallystick.stream.rules.schedule import parse_schedule


def moments(text: str, after: str, count: int = 3, zone: str = "UTC") -> list[str]:
    """The next moments, in UTC."""
    schedule = parse_schedule(text, zone)
    at_ns = int(datetime.fromisoformat(after).timestamp()) * NS_PER_SECOND
    started_ns, found = at_ns, []
    for _ in range(count):
        later = schedule.next_after(at_ns, started_ns)
        if later is None:
            break
        at_ns = later
        found.append(f"{datetime.fromtimestamp(at_ns // NS_PER_SECOND, UTC):%a %Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("cron(0 10 * * ? *)", "2026-11-22T10:00:00Z",
         ["Mon 2026-11-23 10:00", "Tue 2026-11-24 10:00", "Wed 2026-11-25 10:00"]),
        ("cron(15 12 * * ? *)", "2026-11-22T12:00:00Z",
         ["Sun 2026-11-22 12:15", "Mon 2026-11-23 12:15", "Tue 2026-11-24 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00Z",
         ["Mon 2026-11-23 18:00", "Tue 2026-11-24 18:00", "Wed 2026-11-25 18:00"]),
        ("cron(0 8 1 * ? *)", "2026-11-22T00:00:00Z",
         ["Tue 2026-12-01 08:00", "Fri 2027-01-01 08:00", "Mon 2027-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", "2026-11-22T10:01:00Z",
         ["Sun 2026-11-22 10:15", "Sun 2026-11-22 10:30", "Sun 2026-11-22 10:45"]),
        ("cron(0/30 20-2 ? * MON-FRI *)", "", []),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-20T17:50:00Z",
         ["Fri 2026-11-20 17:55", "Mon 2026-11-23 08:00", "Mon 2026-11-23 08:05"]),
        ("cron(0 9 ? * 2#1 *)", "2026-11-22T00:00:00Z",
         ["Mon 2026-12-07 09:00", "Mon 2027-01-04 09:00", "Mon 2027-02-01 09:00"]),
        ("cron(15 10 ? * 6L 2022-2023)", "2023-11-01T00:00:00Z",
         ["Fri 2023-11-24 10:15", "Fri 2023-12-29 10:15"]),
        ("cron(0 10 L * ? *)", "2028-01-31T11:00:00Z",
         ["Tue 2028-02-29 10:00", "Fri 2028-03-31 10:00", "Sun 2028-04-30 10:00"]),
        ("cron(0 10 L-2 2 ? *)", "2026-01-01T00:00:00Z",
         ["Thu 2026-02-26 10:00", "Fri 2027-02-26 10:00", "Sun 2028-02-27 10:00"]),
        ("cron(0 10 LW * ? *)", "2026-02-01T00:00:00Z",
         ["Fri 2026-02-27 10:00", "Tue 2026-03-31 10:00", "Thu 2026-04-30 10:00"]),
        ("cron(0 9 1W * ? *)", "2026-07-31T00:00:00Z",
         ["Mon 2026-08-03 09:00", "Tue 2026-09-01 09:00", "Thu 2026-10-01 09:00"]),
        ("cron(0 9 31W * ? *)", "2027-01-01T00:00:00Z",
         ["Fri 2027-01-29 09:00", "Wed 2027-03-31 09:00", "Mon 2027-05-31 09:00"]),
        ("cron(0 9 ? * L *)", "2026-11-22T00:00:00Z",
         ["Sat 2026-11-28 09:00", "Sat 2026-12-05 09:00", "Sat 2026-12-12 09:00"]),
        ("cron(0 9 ? * FRI-MON *)", "2026-11-27T10:00:00Z",
         ["Sat 2026-11-28 09:00", "Sun 2026-11-29 09:00", "Mon 2026-11-30 09:00"]),
        ("cron(0 0 1 JAN,JUL ? *)", "2026-11-22T00:00:00Z",
         ["Fri 2027-01-01 00:00", "Thu 2027-07-01 00:00", "Sat 2028-01-01 00:00"]),
        ("cron(0 0 30 2 ? *)", "2026-11-22T00:00:00Z", []),
        ("rate(1 minute)", "2026-11-22T10:00:30Z",
         ["Sun 2026-11-22 10:01", "Sun 2026-11-22 10:02", "Sun 2026-11-22 10:03"]),
        ("rate(12 hours)", "2026-11-22T10:00:00Z",
         ["Sun 2026-11-22 22:00", "Mon 2026-11-23 10:00", "Mon 2026-11-23 22:00"]),
    ],
)  # fmt: skip
def test_the_documented_expressions(text: str, after: str, expected: list[str]) -> None:
    """Each as AWS's reference explains it; hours that end before they begin are refused."""
    if not after:
        with pytest.raises(Refused, match="ends before it begins"):
            parse_schedule(text)
        return
    assert moments(text, after) == expected


def test_an_hour_that_spring_leaves_out_is_left_out() -> None:
    """2:30 does not exist in New York on 8 March 2026."""
    assert moments("cron(30 2 * * ? *)", "2026-03-07T12:00:00Z", 2, "America/New_York") == [
        "Mon 2026-03-09 06:30",
        "Tue 2026-03-10 06:30",
    ]


def test_an_hour_that_comes_twice_in_autumn_is_met_once() -> None:
    """1:30 comes twice in New York on 1 November 2026; the first one counts."""
    assert moments("cron(30 1 * * ? *)", "2026-10-31T12:00:00Z", 2, "America/New_York") == [
        "Sun 2026-11-01 05:30",
        "Mon 2026-11-02 06:30",
    ]


@pytest.mark.parametrize(
    ("text", "zone", "reason"),
    [
        ("every day", "UTC", "neither rate"),
        ("rate(1 minutes)", "UTC", r"rate\(1 minute\)"),
        ("rate(5 minute)", "UTC", r"rate\(5 minutes\)"),
        ("rate(0 minutes)", "UTC", "neither rate"),
        ("cron(0 10 * * *)", "UTC", "six fields"),
        ("cron(0 10 * * * *)", "UTC", "exactly one"),
        ("cron(0 10 ? * ? *)", "UTC", "exactly one"),
        ("cron(60 10 * * ? *)", "UTC", "'60' is not 0 to 59"),
        ("cron(0 24 * * ? *)", "UTC", "'24' is not 0 to 23"),
        ("cron(0 10 ? * 8 *)", "UTC", "'8' is not 1 to 7"),
        ("cron(0 10 ? * 3#1,6#3 *)", "UTC", "is not"),
        ("cron(0 10 X * ? *)", "UTC", "'X' is not 1 to 31"),
        ("cron(0 10 * * ? 1969)", "UTC", "'1969' is not 1970 to 2199"),
        ("cron(0 10 * * ? *)", "Europe/Nowhere", "no time zone"),
        ("cron(0 10 * * ? *)", "../etc/passwd", "no time zone"),
    ],
)
def test_a_wrong_schedule_is_refused_with_a_reason(text: str, zone: str, reason: str) -> None:
    """The operator is told what to change."""
    with pytest.raises(Refused, match=reason) as refusal:
        parse_schedule(text, zone)
    assert refusal.value.code == "BAD_SCHEDULE"
