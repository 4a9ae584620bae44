"""The times that senders write."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.watch.collect.ingest.event_time import (
    FINER,
    NO_TIME,
    SECOND,
    OwnTimes,
    epoch_ns,
    precision,
    stamp,
    time_in,
)

RECEIVED_NS = 1_795_320_496_000_000_000


@given(st.integers(0, 13_569_465_599), st.integers(0, NS_PER_SECOND - 1))
def test_every_digit_of_a_time_is_kept(seconds: int, ns: int) -> None:
    """As a number and as a text, and in the stamp."""
    at_ns = seconds * NS_PER_SECOND + ns
    text = f"{seconds}.{ns:09}"
    assert epoch_ns(text) == epoch_ns(Decimal(text)) == at_ns
    assert parse_rfc3339(stamp(at_ns)) == at_ns - at_ns % 1_000
    assert stamp(at_ns).rstrip("Z").ljust(29, "0").endswith(f"{ns:09}")


@pytest.mark.parametrize(
    "value", [None, True, "", "-1", "1e3", "1.", "x", -1, 2**63, 1.5, [], "9" * 99]
)
def test_what_is_no_time(value: object) -> None:
    """A sentence says so."""
    with pytest.raises(ValueError, match="no number of seconds since 1970"):
        epoch_ns(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, NO_TIME), (1, SECOND), ("1789547400", SECOND), (Decimal("1.5"), FINER),
     ("1.0", FINER), (1789547400123, FINER), ("1789547400123", FINER)],
)  # fmt: skip
def test_how_well_a_time_says_it(value: object, told: int) -> None:
    """By its form."""
    assert precision(value) == told


@pytest.mark.parametrize(
    ("told", "is_enough"),
    [([], False), ([SECOND], False), ([SECOND, FINER], True), ([FINER, NO_TIME], False)],
)
def test_whether_a_request_is_told_from_others(told: list[int], is_enough: bool) -> None:
    """All of its events have a time, and one a fine one."""
    times = OwnTimes()
    for each in told:
        times.add(each)
    assert bool(times) is is_enough


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2024-02-29 23:59:59 leap day", "2024-02-29T23:59:59.000000Z"),
        ("2023-02-29T23:59:59Z no leap day", None),
        ("Feb 29 23:59:59 a leap day must be found", None),
        ("Nov 23 04:08:00 a clock that is a little ahead", "2026-11-23T04:08:00.000000Z"),
        ("Nov 24 04:08:00 last year", "2025-11-24T04:08:00.000000Z"),
        ("x" * 120 + " 2024-02-28T00:00:00Z too far in", None),
        ("1969-12-31T23:59:59Z before all time", None),
        ("17895474001 has a digit too many", None),
    ],
)
def test_times_in_texts(text: str, found: str | None) -> None:
    """Only what is a day, and only near the beginning."""
    at_ns = time_in(text, RECEIVED_NS)
    assert (None if at_ns is None else stamp(at_ns)) == found
    member = time_in({"message": "x", "@timestamp": text}, RECEIVED_NS)
    assert member == at_ns


@given(
    st.text(max_size=150)
    | st.dictionaries(st.sampled_from(["time", "ts"]), st.text() | st.floats())
)
def test_no_text_upsets_the_search(event: object) -> None:
    """Whatever it is."""
    found = time_in(event, RECEIVED_NS)
    assert found is None or found >= 0
