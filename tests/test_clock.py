"""The clock: stamps go out and come back exactly, and nothing but RFC 3339 comes in."""

import asyncio
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import (
    NS_PER_SECOND,
    NS_PER_US,
    ManualClock,
    SystemClock,
    parse_rfc3339,
    rest,
    rfc3339,
)

# 0001-01-02 to 9999-12-30, so that no zone pushes a moment out of datetime's years.
MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001  hypothesis wants bounds without a zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(MOMENTS)
def test_a_stamp_of_any_zone_is_read_to_the_microsecond(moment: datetime) -> None:
    """The standard library's arithmetic is the oracle, in every zone of whole minutes."""
    expected = (moment - EPOCH) // timedelta(microseconds=1) * NS_PER_US

    assert parse_rfc3339(moment.isoformat()) == expected


@given(st.integers(-60_000_000_000, 250_000_000_000), st.integers(0, NS_PER_SECOND - 1))
def test_what_is_written_is_read_back(seconds: int, ns: int) -> None:
    """The round trip loses exactly the nanoseconds below the microsecond, downwards."""
    at_ns = seconds * NS_PER_SECOND + ns
    text = rfc3339(at_ns)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert parse_rfc3339(text) == at_ns - at_ns % NS_PER_US


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_stamps_sort_as_the_moments_do(one: int, other: int) -> None:
    """The order of two stamps as text is the order of their microseconds."""
    expected = one // NS_PER_US < other // NS_PER_US

    assert (rfc3339(one) < rfc3339(other)) is expected


def test_a_stamp_is_cut_and_never_lies_in_the_future() -> None:
    """The last nanosecond of a second does not become the next second, before or after 1970."""
    assert rfc3339(1_700_000_000_999_999_999) == "2023-11-14T22:13:20.999999Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T04:08:16Z",
        "2026-11-22T04:08:16.0000009Z",
        "2026-11-22T04:08:16-00:00",
        "2026-11-21T23:08:16-05:00",
    ],
)
def test_forms_of_rfc_3339_that_mean_the_same_moment(text: str) -> None:
    """No fraction, a long one, the unknown offset, another zone: RFC 3339 section 5.6."""
    assert rfc3339(parse_rfc3339(text)) == "2026-11-22T04:08:16.000000Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T04:08:16",
        "2026-11-22 04:08:16Z",
        "2026-11-22T04:08Z",
        "2026-11-22T04:08:16,5Z",
        "2026-11-22T04:08:16.Z",
        "2026-11-22T04:08:16+0100",
        "2026-11-22T04:08:16+01:00:30",
        "2026-11-22T04:08:16+24:00",
        "2026-11-22T24:00:00Z",
        "2026-11-22T04:08:60Z",
        "2026-02-29T00:00:00Z",
        "2026-W47-7T04:08:16Z",
        "20261122T040816Z",
        "2026-11-22T04:08:16Z\n",
        "٢٠٢٦-11-22T04:08:16Z",
        "9" * 10_000,
    ],
)
def test_anything_else_is_no_stamp(text: str) -> None:
    """Other ISO 8601 forms, missing zones and impossible moments are errors, never guesses."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_rfc3339(text)

    assert len(str(caught.value)) < 200


def test_the_system_clock_agrees_with_the_machine_and_never_goes_back() -> None:
    """Wall time lies between two readings of the machine's clock; monotonic time does not fall."""
    clock = SystemClock()
    before = datetime.now(UTC)
    at_ns = clock.now_ns()
    after = datetime.now(UTC)

    assert before - timedelta(microseconds=1) <= datetime.fromisoformat(rfc3339(at_ns)) <= after
    assert clock.monotonic_ns() <= clock.monotonic_ns()
    asyncio.run(clock.sleep(0))


def test_a_manual_clock_moves_only_when_told() -> None:
    """It stands still, moves forward by what it is told or sleeps, and refuses to go back."""
    clock = ManualClock(start_ns=5)
    assert (clock.now_ns(), clock.monotonic_ns()) == (5, 5)

    clock.advance(1.5)
    assert clock.now_ns() == 5 + 3 * NS_PER_SECOND // 2

    asyncio.run(clock.sleep(3_600))
    assert clock.monotonic_ns() == 5 + 3 * NS_PER_SECOND // 2 + 3_600 * NS_PER_SECOND

    with pytest.raises(AssertionError):
        clock.advance(-1)


def test_others_run_while_a_manual_clock_sleeps() -> None:
    """Sleeping gives way once, so a simulated hour does not starve the rest."""

    async def story() -> list[str]:
        """One sleeper, one other."""
        clock, said = ManualClock(), list[str]()

        async def other() -> None:
            """Ready to run as soon as somebody gives way."""
            said.append("other")

        task = asyncio.create_task(other())
        await clock.sleep(3_600)
        said.append("sleeper")
        await task
        return said

    assert asyncio.run(story()) == ["other", "sleeper"]


def test_a_rest_ends_with_its_moment_or_when_woken() -> None:
    """Whichever comes first; a moment that has passed is no wait, and none waits for the waker."""

    async def main() -> None:
        clock, waker = ManualClock(), asyncio.Event()
        began_ns = clock.now_ns()
        await rest(waker, clock, began_ns + 5 * NS_PER_SECOND)
        assert clock.now_ns() == began_ns + 5 * NS_PER_SECOND
        await rest(waker, clock, began_ns)
        assert clock.now_ns() == began_ns + 5 * NS_PER_SECOND
        resting = asyncio.create_task(rest(waker, clock, None))
        await asyncio.sleep(0)
        assert not resting.done()
        waker.set()
        await resting
        await rest(waker, SystemClock(), SystemClock().now_ns() + 3_600 * NS_PER_SECOND)

    asyncio.run(main())
