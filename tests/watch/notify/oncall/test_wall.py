"""Wall times and their moments: each met once, in order, over every change of clocks."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.oncall.wall import midnight, moment_of, wall_at

At = Callable[[str], int]
ZONES = ("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
WALLS = st.datetimes(datetime(2005, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001  on a wall


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        ("UTC", "2026-11-22T09:00", "2026-11-22 09:00"),
        ("Europe/London", "2026-07-01T09:00", "2026-07-01 08:00"),
        ("Europe/London", "2026-12-01T09:00", "2026-12-01 09:00"),
        # Clocks go back at 02:00 BST: 01:30 comes twice, and is met the first time.
        ("Europe/London", "2026-10-25T01:30", "2026-10-25 00:30"),
        ("Europe/London", "2026-10-25T02:00", "2026-10-25 02:00"),
        # Clocks go forward at 01:00 GMT: 01:30 is left out, and met as they jump.
        ("Europe/London", "2026-03-29T01:30", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29T02:00", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29T02:01", "2026-03-29 01:01"),
        # Half an hour of summer time.
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03 15:30"),
        # A whole day that was left out when the islands changed sides of the date line.
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30 10:00"),
        ("Pacific/Apia", "2011-12-31T00:00", "2011-12-30 10:00"),
    ],
)
def test_the_moment_of_a_wall_time(at: At, zone: str, wall: str, moment: str) -> None:
    """Each is met the first moment at which the clocks have shown it or more."""
    assert moment_of(datetime.fromisoformat(wall), ZoneInfo(zone)) == at(moment)


@given(st.sampled_from(ZONES), WALLS, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_what_is_later_on_the_wall_is_never_earlier(
    zone: str, wall: datetime, later: timedelta
) -> None:
    """Moments are in the order of their wall times, whatever clocks do."""
    place = ZoneInfo(zone)
    assert moment_of(wall, place) <= moment_of(wall + later, place)


@given(st.sampled_from(ZONES), WALLS)
def test_the_clocks_show_it_at_its_moment(zone: str, wall: datetime) -> None:
    """At its moment the wall shows it, or what comes after it where it is left out."""
    place = ZoneInfo(zone)
    wall = wall.replace(microsecond=0)
    moment = moment_of(wall, place)
    assert wall_at(moment, place) >= wall
    assert wall_at(moment - NS_PER_SECOND, place) < wall_at(moment, place)


def test_a_day_begins_at_midnight() -> None:
    """The wall time of a day's beginning."""
    assert midnight(date(2026, 11, 22)).isoformat() == "2026-11-22T00:00:00"
