"""Limits: in words and in numbers, and which of two is tighter."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.book.limits import (
    DECIMAL_LIMITS,
    LIMIT_NAMES,
    LONGER_IS_TIGHTER,
    Bounds,
    Limits,
    bound_text,
    is_tighter,
    parse_bound,
    tightest,
)
from tallystick.execution.entries import ScopedLimits

VALUE = st.none() | st.integers(0, 10**12)
BOUNDS = st.fixed_dictionaries(dict.fromkeys(LIMIT_NAMES, VALUE)).map(
    lambda values: Bounds(**values)
)


def test_the_names_are_the_same_everywhere() -> None:
    """What a scope may limit is what its bounds hold, and what an account's limits know."""
    assert Bounds.__struct_fields__ == (*LIMIT_NAMES, "position")
    assert set(LIMIT_NAMES) <= set(Limits.__struct_fields__)
    assert set(LIMIT_NAMES) >= DECIMAL_LIMITS


def test_the_words_of_an_entry() -> None:
    """Dollars have cents, quantities are whole units, the others are whole numbers."""
    text = ScopedLimits(
        order_quantity_max="5000000", order_usd_max="1000000.50", collar_bps=75, message_burst=3
    )

    assert Bounds.of(text, 7) == Bounds(
        order_quantity_max=5_000_000, order_usd_max=100_000_050, collar_bps=75, message_burst=3,
        position=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [("1.5", "AMOUNT_TOO_PRECISE"), ("1e6", "AMOUNT_MALFORMED"), ("", "AMOUNT_MALFORMED")],
)
def test_what_cannot_be_read(refused: Any, text: str, code: str) -> None:
    """Never rounded, never guessed."""
    assert refused(lambda: Bounds.of(ScopedLimits(order_quantity_max=text))) == code


@given(name=st.sampled_from(LIMIT_NAMES), value=st.integers(0, 10**15))
def test_text_and_back(name: str, value: int) -> None:
    """What is shown is what would be read."""
    assert parse_bound(name, bound_text(name, value)) == value


@given(first=BOUNDS, second=BOUNDS)
def test_the_tightest_of_both(words: Any, first: Bounds, second: Bounds) -> None:
    """Each limit by itself: the stricter one, in whichever order they are met."""
    own = words.account().limits

    found = tightest(tightest(own, first), second)

    assert found == tightest(tightest(own, second), first)
    assert tightest(found, first) == found, "meeting one again changes nothing"
    for name in LIMIT_NAMES:
        values = [
            value
            for value in (getattr(each, name) for each in (own, first, second))
            if value is not None
        ]
        strictest = max if name in LONGER_IS_TIGHTER else min
        assert getattr(found, name) == (strictest(values) if values else None)


def test_a_longer_window_is_tighter() -> None:
    """The same number of executions is reached sooner within a minute than within a second."""
    assert is_tighter("execution_window_ms", 60_000, 1_000)
    assert not is_tighter("execution_window_ms", 1_000, 60_000)
    assert is_tighter("execution_window_ms", 1, None)


def test_what_nobody_says(words: Any) -> None:
    """Stops may stand five times as far away; equal executions count within the duplicates' time.

    Where a limit says so, it holds.
    """
    limits = words.account(collar_bps=100, duplicate_window_ms=500).limits

    assert (limits.stop_collar, limits.throttle_window_ms) == (500, 500)
    said = msgspec.structs.replace(limits, stop_collar_bps=0, execution_window_ms=7)
    assert (said.stop_collar, said.throttle_window_ms) == (0, 7)
