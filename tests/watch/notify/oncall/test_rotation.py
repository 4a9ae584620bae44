"""Rotations: who has which shift, by the clock on the wall."""

from collections.abc import Callable
from datetime import datetime, time
from zoneinfo import ZoneInfo

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.notify.oncall.rotation import Every, Rotation, Window

At = Callable[[str], int]
LONDON = ZoneInfo("Europe/London")


def rotation(starts: str, every: Every, count: int = 1, *windows: Window) -> Rotation:
    """Ann and Bob in turns."""
    return Rotation(
        "r",
        LONDON,
        datetime.fromisoformat(starts),
        every,
        count,
        ("ann", "bob"),
        windows=tuple(windows),
    )


def told(layer: Rotation, from_ns: int, to_ns: int) -> list[tuple[str, str, str]]:
    """Its spans as people read them: person, begin and end in UTC."""
    return [
        (span.person, rfc3339(span.starts_ns)[:16], rfc3339(span.ends_ns)[:16])
        for span in layer.between(from_ns, to_ns)
    ]


def test_a_week_is_handed_over_at_nine_in_summer_and_in_winter(at: At) -> None:
    """Nine on the wall is 08:00 UTC before clocks go back, and 09:00 after."""
    layer = rotation("2026-10-12T09:00", "week")
    assert told(layer, at("2026-10-20 00:00"), at("2026-10-27 00:00")) == [
        ("bob", "2026-10-19T08:00", "2026-10-26T09:00"),
        ("ann", "2026-10-26T09:00", "2026-11-02T09:00"),
    ]


def test_twelve_hours_change_at_the_same_times_all_year(at: At) -> None:
    """The night over the change of clocks is an hour longer; 08:00 and 20:00 stay."""
    layer = rotation("2026-10-24T08:00", "hour", 12)
    assert told(layer, at("2026-10-24 07:00"), at("2026-10-25 09:00")) == [
        ("ann", "2026-10-24T07:00", "2026-10-24T19:00"),
        ("bob", "2026-10-24T19:00", "2026-10-25T08:00"),
        ("ann", "2026-10-25T08:00", "2026-10-25T20:00"),
    ]


def test_an_hour_that_is_left_out_has_no_shift(at: At) -> None:
    """Hourly shifts: the one from one to two does not happen when clocks go forward."""
    layer = rotation("2026-03-29T00:00", "hour")
    assert told(layer, at("2026-03-29 00:00"), at("2026-03-29 02:00")) == [
        ("ann", "2026-03-29T00:00", "2026-03-29T01:00"),
        ("ann", "2026-03-29T01:00", "2026-03-29T02:00"),
    ]


def test_an_hour_that_comes_twice_is_one_shift(at: At) -> None:
    """Hourly shifts: the one from one to two lasts two hours when clocks go back."""
    layer = rotation("2026-10-25T00:00", "hour")
    assert told(layer, at("2026-10-25 00:00"), at("2026-10-25 02:00")) == [
        ("bob", "2026-10-25T00:00", "2026-10-25T02:00"),
    ]


def test_months_hand_over_on_their_last_day_where_they_lack_the_day(at: At) -> None:
    """The 31st, then the 28th of February, then the 31st again: the day does not wander."""
    layer = rotation("2026-12-31T09:00", "month")
    assert told(layer, at("2027-01-01 00:00"), at("2027-05-01 00:00")) == [
        ("ann", "2026-12-31T09:00", "2027-01-31T09:00"),
        ("bob", "2027-01-31T09:00", "2027-02-28T09:00"),
        ("ann", "2027-02-28T09:00", "2027-03-31T08:00"),
        ("bob", "2027-03-31T08:00", "2027-04-30T08:00"),
        ("ann", "2027-04-30T08:00", "2027-05-31T08:00"),
    ]


def test_a_leap_year_has_its_day(at: At) -> None:
    """The last of February 2028 is the 29th."""
    layer = rotation("2027-12-30T09:00", "month", 2)
    assert told(layer, at("2028-02-29 09:00"), at("2028-02-29 10:00")) == [
        ("bob", "2028-02-29T09:00", "2028-04-30T08:00")
    ]


def test_nobody_before_the_start_and_after_the_end(at: At) -> None:
    """A layer speaks from its start until its end; the last shift is cut."""
    layer = Rotation(
        "r",
        LONDON,
        datetime.fromisoformat("2026-11-02T09:00"),
        "week",
        1,
        ("ann", "bob"),
        ends_ns=at("2026-11-11 12:00"),
    )
    assert told(layer, at("2026-01-01 00:00"), at("2027-01-01 00:00")) == [
        ("ann", "2026-11-02T09:00", "2026-11-09T09:00"),
        ("bob", "2026-11-09T09:00", "2026-11-11T12:00"),
    ]
    assert layer.number(at("2026-11-02 08:59")) == -1


def test_windows_cut_a_shift(at: At) -> None:
    """Office hours on weekdays: one span a day, also on the days around a hand-over."""
    office = Window(frozenset(range(5)), time(9), time(17))
    layer = rotation("2026-11-02T12:00", "week", 1, office)
    assert told(layer, at("2026-11-06 00:00"), at("2026-11-10 00:00")) == [
        ("ann", "2026-11-06T09:00", "2026-11-06T17:00"),
        ("ann", "2026-11-09T09:00", "2026-11-09T12:00"),
        ("bob", "2026-11-09T12:00", "2026-11-09T17:00"),
    ]


def test_windows_that_meet_are_one(at: At) -> None:
    """Friday evening, the whole weekend and Monday morning are one span."""
    windows = (
        Window(frozenset({4}), time(17), None),
        Window(frozenset({5, 6}), time(0), None),
        Window(frozenset({0}), time(0), time(9)),
    )
    layer = rotation("2026-11-02T00:00", "month", 1, *windows)
    assert told(layer, at("2026-11-07 00:00"), at("2026-11-08 00:00")) == [
        ("ann", "2026-11-06T17:00", "2026-11-09T09:00")
    ]


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on(at: At) -> None:
    """Nights from Friday: Saturday's morning is part, Friday's is not."""
    nights = Window(frozenset({4}), time(22), time(6))
    layer = rotation("2026-11-02T00:00", "month", 1, nights)
    assert told(layer, at("2026-11-05 00:00"), at("2026-11-09 00:00")) == [
        ("ann", "2026-11-06T22:00", "2026-11-07T06:00")
    ]


def test_a_window_of_a_time_that_is_left_out_is_none(at: At) -> None:
    """From 01:10 to 01:50 on the night when clocks jump from one to two: nothing."""
    window = Window(frozenset(range(7)), time(1, 10), time(1, 50))
    layer = rotation("2026-03-01T00:00", "month", 1, window)
    assert (
        told(layer, at("2026-03-28 12:00"), at("2026-03-30 00:00"))
        == [("ann", "2026-03-30T00:10", "2026-03-30T00:50")][:0]
    )
    assert told(layer, at("2026-03-29 12:00"), at("2026-03-30 12:00")) == [
        ("ann", "2026-03-30T00:10", "2026-03-30T00:50")
    ]


def test_other_people_from_a_hand_over_on(at: At) -> None:
    """What was stays; the shift that runs is not torn; then the new people's first begins."""
    layer = rotation("2026-11-02T09:00", "week")
    layer.change(at("2026-11-11 00:00"), ("cai", "dee", "ann"))
    people = [person for person, *_ in told(layer, at("2026-11-02 09:00"), at("2026-12-14 09:00"))]
    assert people == ["ann", "bob", "cai", "dee", "ann", "cai"]


def test_a_change_at_a_hand_over_counts_from_it(at: At) -> None:
    """At the very moment: that shift is the new people's; two changes at once: the later one's."""
    layer = rotation("2026-11-02T09:00", "week")
    layer.change(at("2026-11-09 09:00"), ("cai",))
    assert layer.person(1) == "cai"
    layer.change(at("2026-11-16 08:00"), ("dee",))
    layer.change(at("2026-11-16 09:00"), ("bob",))
    assert [layer.person(number) for number in range(4)] == ["ann", "cai", "bob", "bob"]


def test_a_span_is_the_same_from_wherever_it_is_looked_at(at: At) -> None:
    """Each is whole, however small the window."""
    layer = rotation("2026-11-02T09:00", "day")
    begins = at("2026-11-20 09:00")
    whole = told(layer, begins, begins + 1)
    assert whole == [("ann", "2026-11-20T09:00", "2026-11-21T09:00")]
    assert told(layer, begins + 3_600 * NS_PER_SECOND, begins + 3_601 * NS_PER_SECOND) == whole
