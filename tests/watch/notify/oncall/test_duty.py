"""Who is on call: layers, calendars and overrides laid over each other; gaps are told."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import rfc3339
from tallystick.watch.notify.oncall.duty import Gap, gaps, on_call, shifts
from tallystick.watch.notify.oncall.schedule import Schedule, ScheduleText
from tallystick.watch.notify.oncall.span import Span, Spans

At = Callable[[str], int]
Read = Callable[[ScheduleText], Schedule]
MOMENTS = st.integers(0, 40)
SPANS = st.builds(
    lambda person, start, length: Span(person, start, start + length, "ical"),
    st.sampled_from("abc"),
    MOMENTS,
    st.integers(1, 20),
)
SOURCES = st.lists(st.lists(SPANS, max_size=5), max_size=4)


def laid(*sources: list[Span]) -> Schedule:
    """Spans over spans."""
    return Schedule("desk", ZoneInfo("UTC"), tuple(Spans(spans) for spans in sources))


def test_an_override_splits_a_shift(at: At, read: Read, weekly: ScheduleText) -> None:
    """Before and after it the shift goes on, and says so."""
    plain = read(weekly)
    override = Span("dee", at("2026-11-04 00:00"), at("2026-11-05 00:00"), "override:V-1")
    schedule = Schedule("desk", plain.zone, (*plain.sources, Spans([override])))
    told = [
        (shift.person, rfc3339(shift.starts_ns)[5:16], rfc3339(shift.ends_ns)[5:16], shift.source)
        for shift in shifts(schedule, at("2026-11-02 09:00"), at("2026-11-09 09:00"))
    ]
    assert told == [
        ("ann", "11-02T09:00", "11-04T00:00", "layer:week"),
        ("dee", "11-04T00:00", "11-05T00:00", "override:V-1"),
        ("ann", "11-05T00:00", "11-09T09:00", "layer:week"),
    ]


def test_of_overlapping_overrides_the_last_one_speaks() -> None:
    """Then the earlier one again, then the layer."""
    schedule = laid(
        [Span("a", 0, 100, "layer")], [Span("b", 10, 50, "one")], [Span("c", 20, 30, "two")]
    )
    assert [(each.person, each.starts_ns, each.ends_ns) for each in shifts(schedule, 0, 100)] == [
        ("a", 0, 10), ("b", 10, 20), ("c", 20, 30), ("b", 30, 50), ("a", 50, 100),
    ]  # fmt: skip


def test_of_two_events_of_a_calendar_that_which_began_last_speaks() -> None:
    """A day inside a week is an exception to it; of two at once the shorter one."""
    schedule = laid(
        [Span("a", 0, 70, "ical"), Span("b", 10, 20, "ical"), Span("c", 10, 15, "ical")]
    )
    assert [(each.person, each.starts_ns, each.ends_ns) for each in shifts(schedule, 0, 70)] == [
        ("a", 0, 10), ("c", 10, 15), ("b", 15, 20), ("a", 20, 70),
    ]  # fmt: skip


def test_the_same_event_twice_is_one(at: At) -> None:
    """Nothing depends on the order of what is alike."""
    event = Span("a", 0, 10, "ical")
    assert len(shifts(laid([event, Span("a", 0, 10, "ical")]), 0, 10)) == 1
    assert on_call(laid([event, event]), 5) == "a"
    assert on_call(laid([event]), at("2026-11-02 09:00")) is None


def test_gaps_are_told() -> None:
    """Before, between and after; a window without anybody is one gap."""
    schedule = laid([Span("a", 10, 20, "layer"), Span("b", 30, 40, "layer")])
    assert gaps(schedule, 0, 50) == (
        Gap("desk", 0, 10), Gap("desk", 20, 30), Gap("desk", 40, 50),
    )  # fmt: skip
    assert gaps(schedule, 12, 18) == ()
    assert gaps(schedule, 22, 28) == (Gap("desk", 22, 28),)
    assert shifts(laid(), 0, 10) == ()


@given(SOURCES, MOMENTS)
def test_shifts_and_gaps_say_what_on_call_says(sources: list[list[Span]], from_ns: int) -> None:
    """At every moment there is one shift of the person on call, or a gap; never both."""
    schedule = laid(*sources)
    window = (from_ns, from_ns + 30)
    told, empty = shifts(schedule, *window), gaps(schedule, *window)
    for moment in range(*window):
        people = [each.person for each in told if each.starts_ns <= moment < each.ends_ns]
        nobody = [each for each in empty if each.starts_ns <= moment < each.ends_ns]
        person = on_call(schedule, moment)
        assert people == ([] if person is None else [person])
        assert len(nobody) == (person is None)
    assert list(told) == sorted(told, key=lambda each: each.starts_ns)


@given(SOURCES, MOMENTS, st.integers(1, 40))
def test_a_shift_is_the_same_in_every_window(
    sources: list[list[Span]], from_ns: int, length: int
) -> None:
    """Each shift is whole: a smaller window shows the same ones, not parts of them."""
    schedule = laid(*sources)
    window = from_ns, from_ns + length
    every = shifts(schedule, 0, 100)
    inside = [each for each in every if each.starts_ns < window[1] and each.ends_ns > window[0]]
    assert list(shifts(schedule, *window)) == inside
